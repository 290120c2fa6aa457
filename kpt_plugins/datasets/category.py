"""One keypoint category: what its record in the annotation file says, completed and checked."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from mmengine.logging import print_log

from kpt_plugins.datasets.instance import Instance
from kpt_plugins.structures.skeleton import (
    DEFAULT_BASE,
    detect_base,
    minimum_spanning_tree,
    nearest_neighbour_links,
    normalize_links,
)

FALLBACKS = ('mst', 'knn', 'none')


@dataclass(frozen=True, eq=False)
class Category:
    """A keypoint category.

    Attributes:
        id: Its id in the annotation file; the only safe key (MP-100 has two "face").
        name: Its name.
        supercategory: Its supercategory, '' without one.
        num_keypoints: K, taken from the annotations.
        keypoint_names: K names; 'keypoint_0', ... where the record has none.
        skeleton: int64 (E, 2), zero-based.
        flip_pairs: (left, right) index pairs, possibly none.
        mean_pose: float64 (K, 2), the mean over the visible instances in coordinates of the
            clean box ((0, 0) its top left, (1, 1) its bottom right corner). NaN for keypoints
            that are visible in no instance.
        folder: The folder of most of its images, relative to the image directory.
    """

    id: int
    name: str
    supercategory: str
    num_keypoints: int
    keypoint_names: tuple[str, ...]
    skeleton: np.ndarray
    flip_pairs: tuple[tuple[int, int], ...]
    mean_pose: np.ndarray
    folder: str


def count_keypoints(annotations: list[dict]) -> dict[int, int]:
    """Number of keypoints of each category, from its annotations.

    The category record is no source for it: MP-100's two face categories list no keypoint names.

    Raises:
        ValueError: If two annotations of one category differ.
    """
    counts: dict[int, tuple[int, int]] = {}
    for annotation in annotations:
        keypoints = annotation.get('keypoints')
        if not keypoints or not isinstance(keypoints, list):
            continue
        category_id, found = annotation['category_id'], len(keypoints) // 3
        expected, first = counts.setdefault(category_id, (found, annotation['id']))
        if found != expected:
            raise ValueError(
                f'category {category_id}: annotation {annotation["id"]} has {found} keypoints, '
                f'annotation {first} has {expected}; all of a category must agree'
            )
    return {category_id: count for category_id, (count, _) in counts.items()}


def declared_base(info: dict) -> int | None:
    """The skeleton base that a file states in `info.skeleton_base`, None without one.

    `tools/dataset_converters/normalize_mp100.py` states it, so that its output is never guessed
    about.
    """
    base = info.get('skeleton_base')
    if base not in (None, 0, 1):
        raise ValueError(f'info.skeleton_base: {base!r}, expected 0 or 1')
    return base


def file_base(categories: dict[int, dict], counts: dict[int, int]) -> int | None:
    """The skeleton base on which all categories that prove one agree, None without such.

    Categories with a faulty skeleton are no evidence; they are reported where they are used.
    """
    found = set()
    for category_id, record in categories.items():
        if category_id in counts:
            try:
                found.add(detect_base(record.get('skeleton'), counts[category_id]))
            except ValueError:
                continue
    found.discard(None)
    return found.pop() if len(found) == 1 else None


def resolve_base(
    links: list | None, num_keypoints: int, base: int | str, evidence: int | None
) -> tuple[int, bool]:
    """Base of one category's skeleton.

    Args:
        links: The skeleton as in the file.
        num_keypoints: K.
        base: 0 or 1, or 'auto': what the links prove, else `evidence`, else `DEFAULT_BASE`.
        evidence: What the rest of the file says, None for nothing.

    Returns:
        The base, and whether it had to be assumed without any evidence.
    """
    if base != 'auto':
        return base, False
    detected = detect_base(links, num_keypoints)
    if detected is not None:
        return detected, False
    if evidence is not None:
        return evidence, False
    return DEFAULT_BASE, bool(links)


def fallback_skeleton(strategy: str, mean_pose: np.ndarray, mean_size: np.ndarray) -> np.ndarray:
    """Links for a category whose record has none.

    Args:
        strategy: 'mst' (minimum spanning tree), 'knn' (two nearest neighbours) or 'none'.
        mean_pose: (K, 2) in box coordinates; NaN rows stay without links.
        mean_size: (2,) mean width and height of the boxes, so that lengths are those of the
            typical instance and not of its box squeezed into a square.
    """
    if strategy not in FALLBACKS:
        raise ValueError(f'skeleton_fallback {strategy!r}: expected one of {FALLBACKS}')
    points = mean_pose * mean_size
    if strategy == 'mst':
        return minimum_spanning_tree(points)
    if strategy == 'knn':
        return nearest_neighbour_links(points, k=2)
    return np.zeros((0, 2), dtype=np.int64)


def build_category(
    record: dict, instances: list[Instance], base: int | None, fallback: str = 'mst'
) -> Category:
    """Complete and check one category.

    Args:
        record: The category object of the annotation file, its `skeleton` possibly replaced.
        instances: Its usable instances, at least one.
        base: Base of the record's skeleton, 0 or 1.
        fallback: Strategy where the skeleton is empty, see `fallback_skeleton`.

    Raises:
        ValueError: If the skeleton or the flip pairs do not fit the number of keypoints.
    """
    title = f'category {record["id"]} ({record["name"]})'
    keypoints = np.stack([instance.keypoints for instance in instances])
    num_keypoints = keypoints.shape[1]
    mean_pose, mean_size = average_pose(keypoints, np.stack([i.box for i in instances]))
    try:
        skeleton = normalize_links(record.get('skeleton'), num_keypoints, base)
    except ValueError as error:
        raise ValueError(f'{title}: {error}') from error
    try:
        flip_pairs = normalize_links(record.get('flip_pairs'), num_keypoints, base=0)
    except ValueError as error:
        raise ValueError(f'{title}: flip_pairs, read like a skeleton: {error}') from error
    if not len(skeleton):
        skeleton = fallback_skeleton(fallback, mean_pose, mean_size)
    folders = Counter(str(PurePosixPath(i.file_name).parent) for i in instances)
    folder = folders.most_common(1)[0][0]
    return Category(
        id=record['id'],
        name=record['name'],
        supercategory=str(record.get('supercategory') or ''),
        num_keypoints=num_keypoints,
        keypoint_names=_keypoint_names(record, num_keypoints, title),
        skeleton=skeleton,
        flip_pairs=tuple((int(i), int(j)) for i, j in flip_pairs),
        mean_pose=mean_pose,
        folder='' if folder == '.' else folder,
    )


def average_pose(keypoints: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean pose of instances, from what each of them shows.

    Args:
        keypoints: (N, K, 3), x, y in pixels and visibility 0 or 1.
        boxes: (N, 4), x1, y1, x2, y2 in pixels.

    Returns:
        Mean pose (K, 2) in box coordinates, NaN for keypoints that none shows, and mean box size
        (2,) in pixels.
    """
    size = boxes[:, 2:] - boxes[:, :2]
    relative = (keypoints[..., :2] - boxes[:, None, :2]) / size[:, None]
    visible = keypoints[..., 2:]
    total = visible.sum(axis=0)
    mean = (relative * visible).sum(axis=0) / np.where(total > 0, total, np.nan)
    return mean, size.mean(axis=0)


def _keypoint_names(record: dict, num_keypoints: int, title: str) -> tuple[str, ...]:
    names = record.get('keypoints') or []
    if len(names) == num_keypoints:
        return tuple(str(name) for name in names)
    if names:
        print_log(
            f'{title} lists {len(names)} keypoint names but is annotated with {num_keypoints} '
            f'keypoints; the names are not used',
            logger='current',
            level=logging.WARNING,
        )
    return tuple(f'keypoint_{i}' for i in range(num_keypoints))
