"""COCO-like keypoint annotation files: reading them and saying what is wrong with them.

The structure is checked here (objects, required fields, ids that refer to each other); the
content of one annotation in `instance.py`, that of one category in `category.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECTIONS = ('images', 'annotations', 'categories')
ERROR, WARNING = 'error', 'warning'


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an annotation file.

    Attributes:
        severity: 'error' (the file cannot be used as it is) or 'warning'.
        kind: A short fixed name of the problem, by which equal ones are counted.
        where: The object and its field, e.g. 'annotations[3] (id 17): bbox'.
        message: The value found and what was expected.
        category_id: The category concerned, None for the file as a whole.
    """

    severity: str
    kind: str
    where: str
    message: str
    category_id: int | None = None

    def __str__(self) -> str:
        return f'{self.where}: {self.message}'


@dataclass(frozen=True, eq=False)
class AnnotationFile:
    """The objects of a valid annotation file, in file order.

    Attributes:
        path: Where it was read from.
        info: The `info` object, {} without one.
        images: Image objects by id (ids are Python ints of any size).
        annotations: Annotation objects.
        categories: Category objects by id.
    """

    path: Path
    info: dict
    images: dict[int, dict]
    annotations: list[dict]
    categories: dict[int, dict]


def read_json(path: str | Path) -> object:
    """Read a JSON file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not JSON; the message names the file, line and column.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: there is no such annotation file')
    try:
        with path.open(encoding='utf-8') as file:
            return json.load(file)
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: not a JSON text file ({error})') from error
    except json.JSONDecodeError as error:
        raise ValueError(
            f'{path}: not valid JSON at line {error.lineno}, column {error.colno}: {error.msg} '
            f'(is the download complete?)'
        ) from error


def load_annotation_file(path: str | Path) -> AnnotationFile:
    """Read and check a COCO-like annotation file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not JSON or not COCO-like; the message names the file, the first
            wrong field with its value, and how many more problems there are.
    """
    data = read_json(path)
    errors = [p for p in find_structure_problems(data) if p.severity == ERROR]
    if errors:
        more = f' (and {len(errors) - 1} more problems)' if len(errors) > 1 else ''
        raise ValueError(
            f'{path}: {errors[0]}{more}; `python tools/check_dataset.py {path}` lists them all'
        )
    info = data.get('info')
    return AnnotationFile(
        path=Path(path),
        info=info if isinstance(info, dict) else {},
        images={image['id']: image for image in data['images']},
        annotations=data['annotations'],
        categories={category['id']: category for category in data['categories']},
    )


def find_structure_problems(data: object) -> Iterator[Problem]:
    """Yield what keeps parsed JSON from being a COCO-like annotation file."""
    if not isinstance(data, dict):
        found = f'a {type(data).__name__} at the top level'
    else:
        wrong = [name for name in SECTIONS if not isinstance(data.get(name), list)]
        keys = ', '.join(list(data)[:8]) or 'none'
        found = f'no list named {" or ".join(wrong)} among the keys: {keys}' if wrong else ''
    if found:
        yield Problem(
            ERROR,
            'not COCO-like',
            'top level',
            f'not a COCO-like annotation file: expected an object with the lists '
            f'{", ".join(SECTIONS)}, found {found}',
        )
        return
    image_ids = yield from _check_images(data['images'])
    category_ids = yield from _check_categories(data['categories'])
    yield from _check_annotations(data['annotations'], image_ids, category_ids)


def _check_images(images: list) -> Iterator[Problem]:
    seen: dict[int, dict] = {}
    for where, image in _objects('images', images, seen):
        if isinstance(image, Problem):
            yield image
            continue
        name = image.get('file_name')
        if not isinstance(name, str) or not name:
            yield _bad_field(where, 'file_name', image, 'the path of the image file')
        for field in ('width', 'height'):
            if not _is_size(image.get(field)):
                yield _bad_field(where, field, image, 'the size in pixels, a positive number')
    return seen


def _check_categories(categories: list) -> Iterator[Problem]:
    seen: dict[int, dict] = {}
    for where, category in _objects('categories', categories, seen):
        if isinstance(category, Problem):
            yield category
            continue
        if not isinstance(category.get('name'), str):
            yield _bad_field(where, 'name', category, 'a name', category['id'])
        for field in ('keypoints', 'skeleton', 'flip_pairs'):
            if not isinstance(category.get(field) or [], list):
                yield _bad_field(where, field, category, 'a list', category['id'])
    return seen


def _check_annotations(annotations: list, image_ids: dict, category_ids: dict) -> Iterator[Problem]:
    seen: dict[int, dict] = {}
    for where, annotation in _objects('annotations', annotations, seen, unique=False):
        if isinstance(annotation, Problem):
            yield annotation
            continue
        for field, known in (('image_id', image_ids), ('category_id', category_ids)):
            value = annotation.get(field)
            if not _is_id(value):
                yield _bad_field(where, field, annotation, 'a whole number')
            elif value not in known:
                section = 'images' if field == 'image_id' else 'categories'
                yield Problem(
                    ERROR,
                    f'unknown {field}',
                    f'{where}: {field}',
                    f'{value} is not the id of any of the {len(known)} {section} of the file',
                )


def _objects(section: str, items: list, seen: dict, unique: bool = True) -> Iterator:
    """Yield (where, object or Problem) for each item; fill `seen` with objects by id.

    A repeated id is an error where other objects refer to it (`unique`), unless the repetition
    is an exact copy; elsewhere it is a warning.
    """
    for index, item in enumerate(items):
        where = f'{section}[{index}]'
        if not isinstance(item, dict):
            message = f'found a {type(item).__name__}, expected an object'
            yield where, Problem(ERROR, 'not an object', where, message)
            continue
        key = item.get('id')
        if not _is_id(key):
            yield where, _bad_field(where, 'id', item, 'a whole number')
            continue
        where = f'{where} (id {key})'
        if key in seen and not (unique and seen[key] == item):
            category_id = item.get('category_id') if section == 'annotations' else None
            yield (
                where,
                Problem(
                    ERROR if unique else WARNING,
                    'duplicate id',
                    where,
                    f'the id is used more than once in {section}',
                    category_id if _is_id(category_id) else None,
                ),
            )
            if unique:
                continue
        seen.setdefault(key, item)
        yield where, item


def _bad_field(
    where: str, field: str, item: dict, expected: str, category_id: int | None = None
) -> Problem:
    found = f'{item[field]!r:.80}' if field in item else 'missing'
    return Problem(
        ERROR, f'bad {field}', f'{where}: {field}', f'{found}, expected {expected}', category_id
    )


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_size(value: object) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value > 0
    )
