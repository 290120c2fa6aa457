"""Skeletons: the links between the keypoints of one category.

Everywhere in this package a skeleton is an int64 array (E, 2) of zero-based keypoint indices, in
the order of the annotation file (the order matters: references and padding walk along it).
Annotation files disagree about the base: COCO counts from 1, many later files count from 0, and
MP-100 does both in one file. `normalize_links` is the one place where this is settled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DEFAULT_BASE = 1
"""Base of links that fit both readings and have no other evidence: COCO's convention."""


def parse_links(links: Sequence | np.ndarray | None) -> np.ndarray:
    """Turn a JSON list of pairs into an int64 array (E, 2), with the indices as they are.

    Raises:
        ValueError: If `links` is not a list of pairs of whole numbers.
    """
    if links is None or isinstance(links, (Sequence, np.ndarray)) and len(links) == 0:
        return np.zeros((0, 2), dtype=np.int64)
    try:
        array = np.asarray(links, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.zeros(0)
    if array.ndim != 2 or array.shape[1] != 2 or not np.array_equal(array, np.floor(array)):
        shown = f'{links!r}' if len(repr(links)) < 80 else f'{repr(links)[:77]}...'
        raise ValueError(f'skeleton {shown}: expected a list of [i, j] pairs of whole numbers')
    return array.astype(np.int64)


def detect_base(links: Sequence | np.ndarray | None, num_keypoints: int) -> int | None:
    """Tell whether links count keypoints from 0 or from 1.

    An index 0 proves base 0 and an index `num_keypoints` proves base 1.

    Returns:
        0, 1, or None where the links fit both readings (or there are none).

    Raises:
        ValueError: If the links fit neither reading.
    """
    array = parse_links(links)
    if not len(array):
        return None
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > num_keypoints:
        wrong = low if low < 0 else high
        raise ValueError(
            f'skeleton index {wrong} is out of range: with {num_keypoints} keypoints the indices '
            f'are 0 to {num_keypoints - 1}, or 1 to {num_keypoints} when counted from 1'
        )
    if low == 0 and high == num_keypoints:
        raise ValueError(
            f'skeleton holds both index 0 and index {num_keypoints} with {num_keypoints} '
            f'keypoints: it must count either from 0 or from 1'
        )
    if low == 0:
        return 0
    return 1 if high == num_keypoints else None


def normalize_links(
    links: Sequence | np.ndarray | None, num_keypoints: int, base: int | None = None
) -> np.ndarray:
    """Bring links to zero-based indices, checked against the number of keypoints.

    Self-links and repeated links (in either direction) carry no information and are left out;
    the order of the others is kept.

    Args:
        links: Pairs [i, j]; None and an empty list mean no links.
        num_keypoints: Number of keypoints K of the category.
        base: What the first keypoint is called in `links`, 0 or 1. None decides from the links
            (see `detect_base`) and takes links that fit both as `DEFAULT_BASE`, so pass the base
            wherever it is known.

    Returns:
        int64 array (E, 2) with values in 0..K-1; (0, 2) without links.

    Raises:
        ValueError: If an index is out of range, both bases are mixed, or `links` is no list of
            pairs.
    """
    if base not in (None, 0, 1):
        raise ValueError(f'base {base!r}: expected 0, 1 or None')
    array = parse_links(links)
    if not len(array):
        return array
    if base is None:
        detected = detect_base(array, num_keypoints)
        base = DEFAULT_BASE if detected is None else detected
    outside = (array < base) | (array >= num_keypoints + base)
    if outside.any():
        raise ValueError(
            f'skeleton index {int(array[outside][0])} is out of range: with {num_keypoints} '
            f'keypoints counted from {base} the indices are {base} to {num_keypoints - 1 + base}'
        )
    array = array - base
    array = array[array[:, 0] != array[:, 1]]
    _, first = np.unique(np.sort(array, axis=1), axis=0, return_index=True)
    return array[np.sort(first)]


def minimum_spanning_tree(points: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    """Link points by the tree of smallest total Euclidean length (Prim's algorithm).

    Args:
        points: (K, 2). Points with a coordinate that is not finite take no part.
        visible: (K,), truthy for points that take part. None means all.

    Returns:
        int64 array (E, 2), i < j in each row, rows sorted; E = number of points taking part - 1.
        Points left out are in no link. Equal lengths are resolved by the lower index.
    """
    points, nodes = _taking_part(points, visible)
    if len(nodes) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    lengths = _distances(points[nodes])
    nearest = np.zeros(len(nodes), dtype=np.int64)  # the tree's node closest to each other node
    reach = lengths[0].copy()
    outside = np.ones(len(nodes), dtype=bool)
    outside[0] = False
    links = []
    while outside.any():
        new = int(np.argmin(np.where(outside, reach, np.inf)))
        links.append(sorted((nodes[nearest[new]], nodes[new])))
        outside[new] = False
        closer = lengths[new] < reach
        nearest[closer], reach[closer] = new, lengths[new][closer]
    return np.array(sorted(links), dtype=np.int64)


def nearest_neighbour_links(
    points: np.ndarray, visible: np.ndarray | None = None, k: int = 2
) -> np.ndarray:
    """Link each point to its `k` nearest ones; the union of these links.

    Unlike the spanning tree the result may fall into several components.

    Args:
        points: (K, 2). Points with a coordinate that is not finite take no part.
        visible: (K,), truthy for points that take part. None means all.
        k: Neighbours of each point, at least 1.

    Returns:
        int64 array (E, 2), i < j in each row, rows sorted, without repetition.
    """
    if k < 1:
        raise ValueError(f'k={k}: expected at least 1 neighbour')
    points, nodes = _taking_part(points, visible)
    if len(nodes) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    lengths = _distances(points[nodes])
    np.fill_diagonal(lengths, np.inf)
    k = min(k, len(nodes) - 1)
    neighbours = np.argsort(lengths, axis=1, kind='stable')[:, :k]
    pairs = np.stack([np.repeat(nodes, k), nodes[neighbours].ravel()], axis=1)
    return np.unique(np.sort(pairs, axis=1), axis=0)


def _taking_part(points, visible) -> tuple[np.ndarray, np.ndarray]:
    """Points as float64 (K, 2) and the indices of those that take part."""
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f'points of shape {points.shape}: expected (K, 2)')
    taking = np.isfinite(points).all(axis=1)
    if visible is not None:
        visible = np.asarray(visible)
        if visible.shape != (len(points),):
            raise ValueError(f'visible of shape {visible.shape}: expected ({len(points)},)')
        taking &= visible.astype(bool)
    return points, np.flatnonzero(taking)


def _distances(points: np.ndarray) -> np.ndarray:
    """Euclidean distances (N, N) between all pairs of points (N, 2)."""
    return np.linalg.norm(points[:, None] - points[None], axis=-1)
