"""labelme, one JSON file an image (versions 4 and 5; 5.5 is written).

    shapes[]    label, shape_type, points, group_id, flags
    imagePath   relative to the JSON file
    imageWidth, imageHeight

A keypoint is a shape of type `point` with the name of the keypoint as label; a box one of type
`rectangle` with that of the category. Those of one instance have the same `group_id`; without one,
a point belongs to the only box of the image or the only one that contains it, and all points of an
image without boxes are one instance of the category 'object'. The flag `hidden` of a point says
that it is labelled though hidden (in labelme: `--labelflags`). Shapes of other types are left out.

Lost are links, pairs, scores, the order of the keypoints (that of their first occurrence is taken)
and the names of those that never occur: read with `categories` to restore them. An instance without
a box gets the extent of its keypoints.

Reading a folder reads all JSON files in it and below, names relative to it; writing one puts the
JSON of each image where the image would be, so that the folder of images itself can be written to.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path, PurePosixPath

from mmengine.logging import print_log

from kpt_plugins.datasets.annotation_file import read_json

from .boxes import box_of
from .fields import mapping, number, pixels, sequence, take, text, wrong
from .gather import LooseInstance, NamedBox, NamedPoint, assemble, gather
from .image_files import relative_name, with_sizes
from .records import (
    ABSENT,
    HIDDEN,
    VISIBLE,
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
)

LOSES = frozenset({'names', 'skeleton', 'flip pairs', 'boxless', 'scores'})
_READ = ('point', 'rectangle')
VERSION = '5.5.0'


def outputs(annotations: AnnotationSet, path: Path) -> list[Path]:
    """The files that :func:`write` writes."""
    return [
        path / PurePosixPath(image.file_name).with_suffix('.json') for image in annotations.images
    ]


def read(path: Path, images: str | Path | None) -> AnnotationSet:
    """Read one JSON file, or all of a folder and those below.

    Raises:
        ValueError: If there is none, or one of them is not of labelme; the message names it.
    """
    files = sorted(path.rglob('*.json')) if path.is_dir() else [path]
    if not files:
        raise ValueError(f'{path}: expected JSON files of labelme')
    root = path if path.is_dir() else path.parent
    found = []
    for file in files:
        data = mapping(read_json(file), f'{file}')
        if 'keypoints' in data and 'shapes' not in data:
            raise ValueError(
                f'{file}: no file of labelme but the annotation beside a support, for --support'
            )
        try:
            found.append(_read_image(data, file.parent.relative_to(root), images))
        except ValueError as error:
            raise ValueError(f'{file}: {error}') from error
        kinds = Counter(shape.get('shape_type') for shape in data['shapes'])
        if others := [f'{n} {kind}' for kind, n in kinds.items() if kind not in _READ]:
            left = ', '.join(others)
            print_log(f'{file}: shapes are left out: {left}', 'current', logging.WARNING)
    return assemble(found)


def write(annotations: AnnotationSet, path: Path, images: str | Path | None) -> None:
    """Write a folder of JSON files.

    Raises:
        FileNotFoundError, ValueError: If the size of an image is not known and cannot be read.
        ValueError: If two images differ in their suffix only.
    """
    annotations = with_sizes(annotations, images)
    files = outputs(annotations, path)
    if len(set(files)) < len(files):
        raise ValueError('two images differ in their suffix only, but their JSON files would not')
    for image, file in zip(annotations.images, files, strict=True):
        shapes = []
        for group, instance in enumerate(image.instances, 1):
            shapes += _shapes(instance, annotations.category(instance.category), group)
        data = dict(
            version=VERSION,
            flags={},
            shapes=shapes,
            imagePath=PurePosixPath(image.file_name).name,
            imageData=None,
            imageHeight=image.height,
            imageWidth=image.width,
        )
        file.write_text(json.dumps(data, ensure_ascii=False, indent=2), encoding='utf-8')


def _read_image(
    data: dict, folder: Path, images: str | Path | None
) -> tuple[AnnotatedImage, list[LooseInstance]]:
    name = take(data, 'imagePath', text, 'file').replace('\\', '/')
    name = relative_name(_join(folder.as_posix(), name), images, 'imagePath')
    width, height = (
        None if data.get(key) is None else pixels(data[key], key)
        for key in ('imageWidth', 'imageHeight')
    )
    points, boxes = [], []
    for index, shape in enumerate(take(data, 'shapes', sequence, 'file')):
        where = f'shapes[{index}]'
        shape = mapping(shape, where)
        kind = shape.get('shape_type')
        if kind in _READ:
            label = take(shape, 'label', text, where)
            place = _place(shape, 1 if kind == 'point' else 2, where)
            group = shape.get('group_id')
            if not isinstance(group, (int, str, type(None))):
                raise wrong(group, f'{where}: group_id', 'a number')
            if kind == 'point':
                flags = mapping(shape.get('flags') or {}, f'{where}: flags')
                visibility = HIDDEN if flags.get('hidden') is True else VISIBLE
                points.append(NamedPoint(label, *place[0], visibility, None, group))
            else:
                boxes.append(NamedBox(label, _box(*place, where), group))
    return AnnotatedImage(name, width, height), gather(points, boxes)


def _join(folder: str, name: str) -> str:
    """A path from a folder on, with the `..` that stay inside resolved."""
    parts: list[str] = []
    for part in [*folder.split('/'), *name.split('/')] if not name.startswith('/') else [name]:
        if part == '..' and parts and parts[-1] not in ('..', '.'):
            parts.pop()
        elif part != '.':
            parts.append(part)
    return '/'.join(parts)


def _place(shape: dict, count: int, where: str) -> list[tuple[float, float]]:
    points = take(shape, 'points', sequence, where)
    if len(points) != count:
        raise wrong(points, f'{where}: points', f'{count} of them for {shape["shape_type"]}')
    result = []
    for point in points:
        pair = sequence(point, f'{where}: points')
        if len(pair) != 2:
            raise wrong(pair, f'{where}: points', 'x and y')
        result.append(tuple(number(value, f'{where}: points') for value in pair))
    return result


def _box(one: tuple[float, float], two: tuple[float, float], where: str) -> tuple:
    """A box of two opposite corners."""
    (x1, x2), (y1, y2) = sorted((one[0], two[0])), sorted((one[1], two[1]))
    if x1 == x2 or y1 == y2:
        raise wrong([one, two], f'{where}: points', 'a rectangle with a size')
    return x1, y1, x2 - x1, y2 - y1


def _shapes(instance: KeypointInstance, category: KeypointCategory, group: int) -> list[dict]:
    x, y, width, height = box_of(instance)
    shapes = [_shape(category.name, 'rectangle', [[x, y], [x + width, y + height]], group, {})]
    for name, (x, y, visibility) in zip(
        category.keypoint_names, instance.keypoints.tolist(), strict=True
    ):
        if visibility != ABSENT:
            flags = dict(hidden=True) if visibility == HIDDEN else {}
            shapes.append(_shape(name, 'point', [[x, y]], group, flags))
    return shapes


def _shape(label: str, kind: str, points: list, group: int, flags: dict) -> dict:
    return dict(
        label=label,
        points=points,
        group_id=group,
        description='',
        shape_type=kind,
        flags=flags,
        mask=None,
    )
