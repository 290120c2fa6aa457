"""Annotations of new keypoints, read from a COCO-style file and put behind the old ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kpt_plugins.datasets.annotation_file import AnnotationFile, load_annotation_file
from kpt_plugins.datasets.coco_keypoint_dataset import category_metainfo, find_category
from kpt_plugins.datasets.instance import parse_keypoints
from kpt_plugins.structures.keypoint_selection import keypoint_names
from kpt_plugins.structures.left_right import find_unpaired
from kpt_plugins.structures.plain_detector import dataset_info


@dataclass(frozen=True)
class NewKeypoints:
    """Annotations of new keypoints, read from a COCO-style file.

    Args:
        path (Path): The file.
        info (dict): Metainfo of its category, as MMPose configs write it.
        category (dict): The category's record.
        images (list[dict]): Images with at least one label.
        annotations (list[dict]): Annotations with at least one label, as in the file.
    """

    path: Path
    info: dict
    category: dict
    images: list[dict]
    annotations: list[dict]

    @property
    def names(self) -> list[str]:
        return [keypoint['name'] for keypoint in self.info['keypoint_info'].values()]


def read_new_keypoints(path: str | Path, category: str | int | None = None) -> NewKeypoints:
    """Read a COCO-style file of new keypoints.

    Args:
        path: The file.
        category: Name or id of the category (the id also as a string of digits); needed where the
            file has several.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not COCO-like, has no such category, an annotation of it is malformed
            or could not be trained on (named by their ids), or none shows a keypoint.
    """
    path = Path(path)
    file = load_annotation_file(path)
    try:
        record = find_category(file, _as_id(file, category))
        info = category_metainfo(file, record)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    number = len(info['keypoint_info'])
    found = [(n, a) for n, a in enumerate(file.annotations) if a['category_id'] == record['id']]
    wrong = {}
    for index, annotation in found:
        if problem := _problem(annotation, file.images[annotation['image_id']], number):
            wrong[f'annotations[{index}] (id {annotation["id"]})'] = problem
    if wrong:
        raise ValueError(f'{path}: {_listed(wrong, len(found))}')
    labelled = [annotation for _, annotation in found if _num_labels(annotation)]
    if not labelled:
        names = [keypoint['name'] for keypoint in info['keypoint_info'].values()]
        raise ValueError(
            f'{path}: none of the {len(found)} annotations shows one of '
            f'{", ".join(names)} (visibility above 0)'
        )
    shown = {annotation['image_id'] for annotation in labelled}
    images = [image for key, image in file.images.items() if key in shown]
    return NewKeypoints(path, info, record, images, labelled)


def merge_info(info: Mapping[str, Any], new: NewKeypoints) -> dict:
    """The dataset info of old and new keypoints together, as MMPose configs write it.

    Raises:
        ValueError: If a new keypoint has the name of an old one.
    """
    old = keypoint_names(info)
    if both := [name for name in new.names if name in old]:
        raise ValueError(
            f'{new.path}: {", ".join(both)}: the old detector has keypoints of this name already; '
            f'rename them in categories[].keypoints, or leave them out'
        )
    merged = dataset_info(info)
    for part, entries in (
        ('keypoint_info', merged['keypoint_info']),
        ('skeleton_info', merged['skeleton_info']),
    ):
        for entry in new.info[part].values():
            entries[len(entries)] = dict(entry, id=len(entries))
    for part in ('joint_weights', 'sigmas'):
        merged[part] += list(new.info[part])
    return merged


def merge_annotations(new: NewKeypoints, info: Mapping[str, Any]) -> dict:
    """The new file with the old keypoints in front, none of them labelled.

    Annotations are numbered anew: those that share an id would be taken for one another.
    """
    old = keypoint_names(info)
    annotations = [
        dict(
            id=number,
            image_id=a['image_id'],
            category_id=a['category_id'],
            bbox=list(a['bbox']),
            area=a['bbox'][2] * a['bbox'][3],
            iscrowd=0,
            keypoints=[0] * 3 * len(old) + _labels(a),
            num_keypoints=_num_labels(a),
        )
        for number, a in enumerate(new.annotations, start=1)
    ]
    # Skeleton and flip pairs are in the config's metainfo, where they count.
    category = dict(id=new.category['id'], name=new.category['name'], keypoints=[*old, *new.names])
    return dict(images=new.images, annotations=annotations, categories=[category])


def check_images(new: NewKeypoints, images: str | Path) -> None:
    """Refuse annotations without their images.

    Raises:
        FileNotFoundError: Naming the first missing image.
    """
    names = [image['file_name'] for image in new.images]
    if missing := [name for name in names if not Path(images, name).is_file()]:
        raise FileNotFoundError(
            f'{Path(images, missing[0])}: there is no such image; {len(missing)} of the '
            f'{len(names)} images of {new.path} are missing'
        )


def check_flips(new: NewKeypoints) -> None:
    """Refuse to flip where a keypoint's other side is missing.

    A category that states its ``flip_pairs`` is taken at its word.

    Raises:
        ValueError: Naming the keypoints.
    """
    if new.category.get('flip_pairs') is None and (alone := find_unpaired(new.names)):
        raise ValueError(
            f'{new.path}: {", ".join(alone)}: no keypoint of the other side has such a name, so a '
            f"flipped image would mislabel it; add the other side, state the category's "
            f'flip_pairs, or use --no-flip'
        )


def _as_id(file: AnnotationFile, category: str | int | None) -> str | int | None:
    """A category given as digits, as on a command line, by its id; a name goes first."""
    names = {record['name'] for record in file.categories.values()}
    if isinstance(category, str) and category.isdecimal() and category not in names:
        return int(category)
    return category


def _num_labels(annotation: Mapping[str, Any]) -> int:
    return sum(v > 0 for v in annotation['keypoints'][2::3])


def _labels(annotation: Mapping[str, Any]) -> list:
    """An annotation's keypoints, without the coordinates of those that are not labelled, which
    may be anything."""
    values = annotation['keypoints']
    triples = zip(values[::3], values[1::3], values[2::3], strict=True)
    return [v for triple in triples for v in (triple if triple[2] > 0 else (0, 0, 0))]


def _problem(annotation: dict, image: dict, number: int) -> str:
    """What is wrong with an annotation; '' if nothing is, or it labels nothing.

    MMPose leaves instances without a box, with an empty one and of crowds out, silently.
    """
    if 'keypoints' not in annotation:
        return f'keypoints: missing, expected x, y, visibility of {number} keypoints'
    try:
        points = parse_keypoints(annotation['keypoints'])
    except ValueError as error:
        return str(error)
    if len(points) != number:
        return f'keypoints: {len(points)} keypoints, expected {number}'
    if not points[:, 2].any():
        return ''
    if annotation.get('iscrowd'):
        return 'iscrowd: set, but it has labels; expected 0 for a single instance'
    box = annotation.get('bbox')
    if box is None:
        return 'bbox: missing, expected [x, y, width, height] in pixels'
    if not _is_box(box):
        return f'bbox: {box!r:.60}, expected four numbers x, y, width, height'
    low = np.clip(box[:2], 0, [image['width'] - 1, image['height'] - 1])
    high = np.clip(np.add(box[:2], box[2:]), 0, [image['width'] - 1, image['height'] - 1])
    if (high <= low).any():
        return (
            f'bbox: {box!r} is empty in its image of {image["width"]} x {image["height"]} pixels, '
            f'expected [x, y, width, height]'
        )
    return ''


def _is_box(box: Any) -> bool:
    return (
        isinstance(box, list)
        and len(box) == 4
        and all(isinstance(v, (int, float)) and np.isfinite(v) for v in box)
    )


def _listed(wrong: Mapping[str, str], total: int, shown: int = 20) -> str:
    """The first problem in words and the names of the annotations with others."""
    (first, problem), *rest = wrong.items()
    text = f'{first}: {problem}'
    if rest:
        names = ', '.join(name for name, _ in rest[: shown - 1])
        more = f' and {len(rest) - shown + 1} more' if len(rest) >= shown else ''
        text += f'; {len(wrong)} of {total} annotations are wrong, the others are {names}{more}'
    return text
