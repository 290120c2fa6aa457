"""COCO-like keypoint annotation files: reading them and saying what is wrong with them.

The structure is checked here (objects, required fields, ids that refer to each other); the
content of one annotation in `instance.py`, that of one category in `category.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterator
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
        item: Section and index of the object concerned, None for the file as a whole.
    """

    severity: str
    kind: str
    where: str
    message: str
    category_id: int | None = None
    item: tuple[str, int] | None = None

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
        with path.open(encoding='utf-8-sig') as file:
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


def _check_images(images: list) -> Generator[Problem, None, dict[int, dict]]:
    seen: dict[int, dict] = {}
    for item, image in _enumerate_objects('images', images):
        problems = list(_check_id(item, image, seen))
        if not problems:
            name = image.get('file_name')
            if not isinstance(name, str) or not name:
                problems.append(_bad_field(item, image, 'file_name', 'the path of the image file'))
            for field in ('width', 'height'):
                if not _is_size(image.get(field)):
                    problems.append(_bad_field(item, image, field, 'a positive number of pixels'))
        yield from problems
    return seen


def _check_categories(categories: list) -> Generator[Problem, None, dict[int, dict]]:
    seen: dict[int, dict] = {}
    for item, category in _enumerate_objects('categories', categories):
        problems = list(_check_id(item, category, seen))
        if not problems:
            if not isinstance(category.get('name'), str):
                problems.append(_bad_field(item, category, 'name', 'a name'))
            for field in ('keypoints', 'skeleton', 'flip_pairs'):
                if not isinstance(category.get(field) or [], list):
                    problems.append(_bad_field(item, category, field, 'a list'))
        yield from problems
    return seen


def _check_annotations(
    annotations: list, image_ids: dict, category_ids: dict
) -> Generator[Problem, None, None]:
    seen: dict[int, dict] = {}
    for item, annotation in _enumerate_objects('annotations', annotations):
        yield from _check_id(item, annotation, seen, unique=False)
        if not isinstance(annotation, dict):
            continue
        for field, known in (('image_id', image_ids), ('category_id', category_ids)):
            value = annotation.get(field)
            if not _is_id(value):
                yield _bad_field(item, annotation, field, 'a whole number')
            elif value not in known:
                section = 'images' if field == 'image_id' else 'categories'
                yield Problem(
                    ERROR,
                    f'unknown {field}',
                    f'{_name(item, annotation)}: {field}',
                    f'{value} is not the id of any of the {len(known)} {section} of the file',
                    item=item,
                )


def _enumerate_objects(section: str, objects: list) -> Iterator[tuple[tuple[str, int], object]]:
    for index, value in enumerate(objects):
        yield (section, index), value


def _check_id(
    item: tuple[str, int], value: object, seen: dict[int, dict], unique: bool = True
) -> Iterator[Problem]:
    """Check that an object is one and has an id; enter it in `seen`.

    A repeated id is an error where other objects refer to it (`unique`), unless the repetition
    is an exact copy; elsewhere it is a warning.
    """
    if not isinstance(value, dict):
        found = f'found a {type(value).__name__}, expected an object'
        yield Problem(ERROR, 'not an object', f'{item[0]}[{item[1]}]', found, item=item)
        return
    key = value.get('id')
    if not _is_id(key):
        yield _bad_field(item, value, 'id', 'a whole number')
        return
    if key in seen and not (unique and seen[key] == value):
        yield Problem(
            ERROR if unique else WARNING,
            'duplicate id',
            _name(item, value),
            f'the id is used more than once in {item[0]}',
            _category_of(item, value),
            item,
        )
    seen.setdefault(key, value)


def _bad_field(item: tuple[str, int], value: dict, field: str, expected: str) -> Problem:
    found = f'{value[field]!r:.80}' if field in value else 'missing'
    return Problem(
        ERROR,
        f'bad {field}',
        f'{_name(item, value)}: {field}',
        f'{found}, expected {expected}',
        _category_of(item, value),
        item,
    )


def _name(item: tuple[str, int], value: dict) -> str:
    suffix = f' (id {value["id"]})' if _is_id(value.get('id')) else ''
    return f'{item[0]}[{item[1]}]{suffix}'


def _category_of(item: tuple[str, int], value: dict) -> int | None:
    field = {'annotations': 'category_id', 'categories': 'id'}.get(item[0])
    return value[field] if field and _is_id(value.get(field)) else None


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_size(value: object) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value > 0
    )
