"""COCO keypoints, one JSON file (the format of person_keypoints_val2017.json).

Holds everything of the neutral form; scores are the field `keypoint_scores` of an annotation.
Written are the names, the links (counted from 1 as COCO does, and said so in `info.skeleton_base`),
the pairs that a mirror exchanges (`flip_pairs`, counted from 0, a field that
:class:`~kpt_plugins.datasets.CocoKeypointDataset` reads), `num_keypoints` and `area` (that of the
box). An instance without a box gets the extent of its keypoints: no data set reads it without.

Left out in reading: segmentations, crowds (`iscrowd`), licences, ids, and categories without
keypoints; written ids count from 1.
Images that the file lists more than once become one. Whether links count from 0 or from 1 is
decided as in :class:`~kpt_plugins.datasets.MP100Dataset`.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from kpt_plugins.datasets.annotation_file import AnnotationFile, load_annotation_file
from kpt_plugins.datasets.category import (
    count_keypoints,
    declared_base,
    file_base,
    resolve_base,
)
from kpt_plugins.structures.skeleton import normalize_links

from .boxes import box_of
from .conform import unnamed_keypoints
from .fields import number, sequence, wrong
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

LOSES = frozenset({'boxless'})


def outputs(annotations: AnnotationSet, path: Path) -> list[Path]:
    """The files that :func:`write` writes."""
    return [path]


def read(path: Path, images: str | Path | None) -> AnnotationSet:
    """Read a COCO keypoint file; see the module for what is left out.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not COCO-like, or a field of it is wrong.
    """
    file = load_annotation_file(path)
    categories = _read_categories(file)
    found = {}
    by_id = {}
    for image_id, record in file.images.items():
        name = relative_name(record['file_name'], images, f'image {image_id}: file_name')
        size = int(record['width']), int(record['height'])
        by_id[image_id] = found.setdefault(name, AnnotatedImage(name, *size))
    crowds = outlines = 0
    for record in file.annotations:
        category = categories.get(record['category_id'])
        if category is None:
            continue
        if record.get('iscrowd'):
            crowds += 1
            continue
        outlines += bool(record.get('segmentation'))
        instance = _read_instance(record, category)
        by_id[record['image_id']].instances.append(instance)
    for count, what in ((crowds, 'crowds'), (outlines, 'segmentations')):
        if count:
            print_log(f'{path}: {count} {what} are left out', 'current', logging.WARNING)
    return AnnotationSet(list(categories.values()), list(found.values()))


def write(annotations: AnnotationSet, path: Path, images: str | Path | None) -> None:
    """Write a COCO keypoint file; see the module for its fields.

    Raises:
        ValueError, FileNotFoundError: If the size of an image is not known and cannot be read.
    """
    data = content(with_sizes(annotations, images))
    path.write_text(json.dumps(data, ensure_ascii=False), encoding='utf-8')


def content(annotations: AnnotationSet) -> dict:
    """What a COCO keypoint file says; ids count from 1, in the order of the annotations.

    Args:
        annotations: With the sizes of all images.
    """
    ids = {category.name: i for i, category in enumerate(annotations.categories, 1)}
    records = []
    for image_id, image in enumerate(annotations.images, 1):
        for instance in image.instances:
            record = dict(id=len(records) + 1, image_id=image_id)
            records.append(record | _instance_record(instance, ids[instance.category]))
    return dict(
        info=dict(description='Keypoints, written by kpt_plugins', skeleton_base=1),
        images=[
            dict(id=i, file_name=image.file_name, width=image.width, height=image.height)
            for i, image in enumerate(annotations.images, 1)
        ],
        annotations=records,
        categories=[_category_record(c, ids[c.name]) for c in annotations.categories],
    )


def _read_categories(file: AnnotationFile) -> dict[int, KeypointCategory]:
    """The categories with keypoints by id."""
    counts = count_keypoints(file.annotations)
    declared = declared_base(file.info)
    # A list that is missing may also be null, false or an empty object.
    lists = ('keypoints', 'skeleton', 'flip_pairs')
    records = {
        category_id: record | {key: record.get(key) or [] for key in lists}
        for category_id, record in file.categories.items()
    }
    evidence = file_base(records, counts) if declared is None else declared
    categories, used = {}, set()
    for category_id, record in records.items():
        names = record['keypoints']
        count = counts.get(category_id, len(names))
        if not count:
            continue
        title = f'category {category_id} ({record["name"]})'
        if names and len(names) != count:
            raise ValueError(
                f'{title}: keypoints: {len(names)} names, but its annotations have {count}'
            )
        try:
            base, _ = resolve_base(record['skeleton'], count, 'auto', evidence)
            links = normalize_links(record['skeleton'], count, base)
            pairs = normalize_links(record['flip_pairs'], count, 0)
        except ValueError as error:
            raise ValueError(f'{title}: {error}') from error
        name = record['name'] if record['name'] not in used else f'{record["name"]} ({category_id})'
        used.add(name)
        names = names or unnamed_keypoints(count)
        categories[category_id] = KeypointCategory(name, names, links.tolist(), pairs.tolist())
    return categories


def _read_instance(record: dict, category: KeypointCategory) -> KeypointInstance:
    where = f'annotation {record.get("id")}'
    count = len(category.keypoint_names)
    flat = sequence(record.get('keypoints') or [0] * 3 * count, f'{where}: keypoints')
    if len(flat) != 3 * count:
        raise ValueError(f'{where}: keypoints: {len(flat)} numbers, expected x, y, v of {count}')
    values = [
        0.0 if v is None else number(v, f'{where}: keypoints[{i}]') for i, v in enumerate(flat)
    ]
    for index, visibility in enumerate(values[2::3]):
        if visibility not in (ABSENT, HIDDEN, VISIBLE):
            raise wrong(visibility, f'{where}: visibility of keypoint {index}', '0, 1 or 2')
    scores = record.get('keypoint_scores')
    if scores is not None:
        scores = [
            number(v, f'{where}: keypoint_scores')
            for v in sequence(scores, f'{where}: keypoint_scores')
        ]
    try:
        return KeypointInstance(
            category.name, np.reshape(values, (count, 3)), _read_box(record, where), scores
        )
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from error


def _read_box(record: dict, where: str) -> tuple | None:
    """The box of an annotation; None for a missing and an empty one."""
    if record.get('bbox') is None:
        return None
    box = sequence(record['bbox'], f'{where}: bbox')
    if len(box) != 4:
        raise wrong(box, f'{where}: bbox', 'x, y, width, height')
    box = tuple(number(v, f'{where}: bbox') for v in box)
    return box if box[2] > 0 and box[3] > 0 else None


def _category_record(category: KeypointCategory, category_id: int) -> dict:
    record = dict(
        id=category_id,
        name=category.name,
        supercategory='',
        keypoints=category.keypoint_names,
        skeleton=[[a + 1, b + 1] for a, b in category.skeleton],
    )
    if category.flip_pairs:  # without the field they are found by the names
        record['flip_pairs'] = [list(pair) for pair in category.flip_pairs]
    return record


def _instance_record(instance: KeypointInstance, category_id: int) -> dict:
    box = box_of(instance)
    record = dict(
        category_id=category_id,
        keypoints=[_plain(value) for value in instance.keypoints.ravel()],
        num_keypoints=int((instance.keypoints[:, 2] != ABSENT).sum()),
        bbox=[_plain(value) for value in box],
        area=_plain(box[2] * box[3]),
        iscrowd=0,
    )
    if instance.scores is not None:
        record['keypoint_scores'] = instance.scores.tolist()
    return record


def _plain(value: float) -> int | float:
    """Whole numbers as such: COCO's visibilities are, and files stay small."""
    return int(value) if float(value).is_integer() else float(value)
