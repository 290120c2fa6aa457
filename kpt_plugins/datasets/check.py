"""Finding out what is wrong with a keypoint data set before anything is trained on it.

`check_dataset` goes through the annotation file and, where asked, the images, and never stops at
the first problem: it collects them all into a `DatasetReport`.
"""

from __future__ import annotations

import os.path as osp
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from kpt_plugins.datasets.annotation_file import (
    ERROR,
    WARNING,
    Problem,
    find_structure_problems,
    read_json,
)
from kpt_plugins.datasets.category import declared_base, file_base, resolve_base
from kpt_plugins.datasets.check_report import CategoryReport, DatasetReport
from kpt_plugins.datasets.instance import parse_keypoints, read_instance
from kpt_plugins.datasets.transforms.loading import read_image
from kpt_plugins.structures.skeleton import normalize_links, parse_links


def check_dataset(
    ann_file: str,
    image_dir: str | None = None,
    decode: bool = True,
    allow_missing: bool = False,
    workers: int = 4,
) -> DatasetReport:
    """Check an annotation file and its images.

    Args:
        ann_file: A COCO-like annotation file.
        image_dir: The directory that its file names are relative to; None checks no images.
        decode: Whether to decode each image and compare its size with the file's; without it
            only their existence is checked.
        allow_missing: Report missing images as warnings, for `skip_missing_images=True`.
        workers: Threads that decode.

    Returns:
        The report; `report.ok` is False where there are errors. Nothing is raised for bad data.
    """
    report = DatasetReport(ann_file=str(ann_file), image_dir=image_dir)
    try:
        data = read_json(ann_file)
    except (OSError, ValueError) as error:
        report.add(Problem(ERROR, 'unreadable', 'file', str(error)))
        return report
    structure = list(find_structure_problems(data))
    report.add(*structure)
    if any(p.severity == ERROR and p.item is None for p in structure):
        return report
    unsound = {p.item for p in structure if p.severity == ERROR}
    sound = {
        name: [v for i, v in enumerate(data[name]) if (name, i) not in unsound]
        for name in ('images', 'annotations', 'categories')
    }
    images = {image['id']: image for image in sound['images']}
    # An annotation may refer to an object that is itself unsound.
    annotations = [
        a
        for a in sound['annotations']
        if a['image_id'] in images and isinstance(a['category_id'], int)
    ]
    report.num_images, report.num_annotations = len(data['images']), len(data['annotations'])
    by_category = defaultdict(list)
    for annotation in annotations:
        by_category[annotation['category_id']].append(annotation)
    for record in sound['categories']:
        category = CategoryReport(id=record['id'], name=record['name'])
        report.categories[record['id']] = category
        report.add(*_check_instances(category, by_category[record['id']], images))
    report.add(*_check_skeletons(report, data.get('info'), sound['categories']))
    report.add(*_check_names(sound['categories']))
    if image_dir is not None:
        report.add(
            *_check_images(report, images, by_category, image_dir, decode, allow_missing, workers)
        )
    return report


def _check_instances(
    category: CategoryReport, annotations: list[dict], images: dict[int, dict]
) -> Iterator[Problem]:
    """Boxes, keypoints and visibility of one category; fills in its counts."""
    lengths, first, dropped = Counter(), {}, Counter()
    visibility = np.zeros(3, dtype=np.int64)
    for annotation in annotations:
        image, where = images[annotation['image_id']], f'annotation {annotation["id"]}'
        try:
            instance, reason = read_instance(annotation, image)
            keypoints = parse_keypoints(annotation.get('keypoints') or [])
        except ValueError as error:
            yield Problem(ERROR, 'malformed instance', where, str(error), category.id)
            continue
        if len(keypoints):
            lengths[len(keypoints)] += 1
            first.setdefault(len(keypoints), annotation['id'])
        stated, counted = annotation.get('num_keypoints'), int(keypoints[:, 2].sum())
        if stated is not None and stated != counted:
            message = f'{stated}, but {counted} keypoints have visibility > 0'
            yield Problem(
                WARNING, 'wrong num_keypoints', f'{where}: num_keypoints', message, category.id
            )
        if instance is None:
            dropped[reason] += 1
            continue
        category.instances += 1
        labelled = np.asarray(annotation['keypoints'][2::3], dtype=np.int64)
        visibility += np.bincount(labelled, minlength=3)
        yield from _check_positions(category, keypoints, image, where)
    category.dropped = dict(dropped)
    category.visibility = visibility.tolist()
    if not category.instances:
        yield Problem(WARNING, 'no instance', _title(category), 'no usable instance', category.id)
    if lengths:
        category.num_keypoints = lengths.most_common(1)[0][0]
    if len(lengths) > 1:
        found = ', '.join(
            f'{k} ({n} times, first in annotation {first[k]})' for k, n in lengths.most_common()
        )
        message = f'the annotations have different numbers of keypoints: {found}'
        yield Problem(
            ERROR, 'different numbers of keypoints', _title(category), message, category.id
        )


def _check_positions(
    category: CategoryReport, keypoints: np.ndarray, image: dict, where: str
) -> Iterator[Problem]:
    size = np.array([image['width'], image['height']])
    outside = (keypoints[:, 2] > 0) & ((keypoints[:, :2] < 0) | (keypoints[:, :2] > size)).any(
        axis=1
    )
    if outside.any():
        category.points_outside += int(outside.sum())
        index = int(np.flatnonzero(outside)[0])
        message = (
            f'keypoint {index} at {tuple(keypoints[index, :2].tolist())} is visible outside the '
            f'image of {size[0]} x {size[1]} pixels'
        )
        yield Problem(WARNING, 'point outside the image', where, message, category.id)


def _check_skeletons(report: DatasetReport, info: object, records: list[dict]) -> Iterator[Problem]:
    """Base, mistakes and gaps of each skeleton, and flip pairs."""
    try:
        evidence = declared_base(info if isinstance(info, dict) else {})
    except ValueError as error:
        yield Problem(ERROR, 'bad skeleton_base', 'info', str(error))
        evidence = None
    by_id = {record['id']: record for record in records}
    counts = {c.id: c.num_keypoints for c in report.categories.values() if c.num_keypoints}
    if evidence is None:
        evidence = file_base(by_id, counts)
    for category_id, count in counts.items():
        category, record = report.categories[category_id], by_id[category_id]
        title = f'{_title(category)}: skeleton'
        try:
            given = parse_links(record.get('skeleton'))
            base, assumed = resolve_base(given.tolist(), count, 'auto', evidence)
            links = normalize_links(given, count, base)
        except ValueError as error:
            category.skeleton_base = 'wrong'
            yield Problem(ERROR, 'wrong skeleton', title, str(error), category_id)
        else:
            category.skeleton_base = str(base) if len(given) else 'empty'
            category.num_links = len(links)
            category.unlinked = count - len(np.unique(links))
            if assumed:
                category.skeleton_base += '?'
                message = f'fits counting from 0 and from 1; taken as counted from {base}'
                yield Problem(WARNING, 'unclear skeleton base', title, message, category_id)
            if len(links) < len(given):
                message = (
                    f'{len(given) - len(links)} of {len(given)} links are repeated or self-links'
                )
                yield Problem(WARNING, 'useless links', title, message, category_id)
        names = record.get('keypoints') or []
        if names and len(names) != count:
            message = f'{len(names)} names for {count} annotated keypoints'
            where = f'{_title(category)}: keypoints'
            yield Problem(WARNING, 'wrong keypoint names', where, message, category_id)
        try:
            normalize_links(record.get('flip_pairs'), count, base=0)
        except ValueError as error:
            where = f'{_title(category)}: flip_pairs'
            yield Problem(ERROR, 'wrong flip pairs', where, str(error), category_id)


def _check_names(records: list[dict]) -> Iterator[Problem]:
    by_name = defaultdict(list)
    for record in records:
        by_name[record['name']].append(record['id'])
    for name, ids in by_name.items():
        if len(ids) > 1:
            message = f'the categories {ids} have the same name; they are told apart by id only'
            yield Problem(WARNING, 'same name', f'name {name!r}', message)


def _check_images(
    report: DatasetReport,
    images: dict[int, dict],
    by_category: dict[int, list[dict]],
    image_dir: str,
    decode: bool,
    allow_missing: bool,
    workers: int,
) -> Iterator[Problem]:
    """Existence, decodability and size of the image files."""
    if not osp.isdir(image_dir):
        yield Problem(ERROR, 'no image directory', image_dir, 'there is no such directory')
        return
    used_by = defaultdict(set)
    for category_id, members in by_category.items():
        for annotation in members:
            used_by[annotation['image_id']].add(category_id)

    def check(image: dict) -> Problem | None:
        return _check_image(image, osp.join(image_dir, image['file_name']), decode, allow_missing)

    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        results = list(pool.map(check, images.values()))
    for image, problem in zip(images.values(), results, strict=True):
        state = 'found' if problem is None else problem.kind
        report.image_states[state] += 1
        owners = [report.categories[i] for i in used_by[image['id']] if i in report.categories]
        for category in owners:
            category.image_states[state] += 1
        if problem is not None:
            yield problem
    if images and report.image_states['missing image'] == len(images):
        message = f'holds none of the {len(images)} images: is it empty, or the wrong directory?'
        yield Problem(ERROR, 'no image found', image_dir, message)


def _check_image(image: dict, path: str, decode: bool, allow_missing: bool) -> Problem | None:
    where = f'image {image["id"]}'
    if not osp.isfile(path):
        severity = WARNING if allow_missing else ERROR
        return Problem(severity, 'missing image', where, f'{path}: there is no such file')
    if not decode:
        return None
    try:
        height, width = read_image(path).shape[:2]
    except ValueError as error:
        return Problem(ERROR, 'undecodable image', where, str(error))
    if (width, height) != (image['width'], image['height']):
        message = (
            f'{path} is {width} x {height} pixels, the annotation file says '
            f'{image["width"]} x {image["height"]}'
        )
        return Problem(ERROR, 'other image size', where, message)
    return None


def _title(category: CategoryReport) -> str:
    return f'category {category.id} ({category.name})'
