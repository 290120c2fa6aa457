"""Which two new keypoints tell where which old one is: the triplets of KA-Net.

KA-Net learns to place an old keypoint from two new ones near it (IKL, Liang et al., CVPR 2025,
"knowledge association"). The paper takes them from an anatomical chart; here they are given by
name, taken from the skeleton, drawn at random (the paper's ablation), or found in the data.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

MIN_SUPPORT = 0.3
"""Samples of a mined triplet, as a share of those of the triplet with the most."""


class Triplet(NamedTuple):
    """Names of two new keypoints and of the old one that is associated with them."""

    first: str
    second: str
    old: str


def manual_triplets(
    triplets: Sequence[Sequence[str]], new: Sequence[str], old: Sequence[str]
) -> list[Triplet]:
    """Triplets given by name.

    Args:
        triplets: (new, new, old) names each.
        new: The step's new keypoints.
        old: The keypoints of earlier steps.

    Raises:
        ValueError: If one is not of two new keypoints and an old one, or is given twice.
    """
    result = []
    for index, names in enumerate(triplets):
        where = f'triplets[{index}]={names!r}'
        if isinstance(names, str) or not isinstance(names, Sequence) or len(names) != 3:
            raise ValueError(f'{where}: expected the names of two new keypoints and an old one')
        triplet = Triplet(*names)
        for name, known, kind in zip(triplet, (new, new, old), ('new', 'new', 'old'), strict=True):
            if name not in known:
                raise ValueError(
                    f'{where}: {name} is no {kind} keypoint of this step; these are '
                    f'{", ".join(known) or "none"}'
                )
        if triplet.first == triplet.second:
            raise ValueError(f'{where}: {triplet.first} is given twice, expected two new keypoints')
        if any({*triplet[:2]} == {*other[:2]} and triplet.old == other.old for other in result):
            raise ValueError(f'{where}: given before, expected different triplets')
        result.append(triplet)
    return result


def random_triplets(
    new: Sequence[str], old: Sequence[str], seed: int, number: int = 1
) -> list[Triplet]:
    """Different triplets drawn at random.

    Raises:
        ValueError: If there are not so many.
    """
    candidates = _candidates(new, old, number)
    return random.Random(seed).sample(candidates, number)


def skeleton_triplets(
    names: Sequence[str],
    links: Sequence[Sequence[int]],
    new: Sequence[str],
    old: Sequence[str],
    number: int = 1,
) -> list[Triplet]:
    """Triplets whose new keypoints are nearest to the old one, counted in links.

    The distances of both to the old keypoint are summed. Among equals those that are nearer to
    each other come first, then those that come first in `new` and `old`.

    Args:
        names: All keypoints.
        links: The skeleton, pairs of indices of `names`.
        new, old: Some of the names.
        number: How many triplets.

    Raises:
        ValueError: If there are not so many, or their keypoints are not connected.
    """
    candidates = _candidates(new, old, number)
    links = np.asarray(links, dtype=np.int64).reshape(-1, 2)
    size = (len(names), len(names))
    graph = coo_array((np.ones(len(links)), links.T), shape=size)
    distances = shortest_path(graph, directed=False, unweighted=True)
    index = {name: i for i, name in enumerate(names)}

    def length(triplet: Triplet) -> tuple[float, float]:
        i, j, k = (index[name] for name in triplet)
        return distances[i, k] + distances[j, k], distances[i, j]

    connected = [triplet for triplet in candidates if np.isfinite(length(triplet)[0])]
    if len(connected) < number:
        raise ValueError(
            f'the skeleton connects {len(connected)} pairs of the new keypoints '
            f'({", ".join(new)}) with an old one ({", ".join(old)}), expected {number}: give the '
            f"triplets by name, or use triplets='miner'"
        )
    return sorted(connected, key=length)[:number]


def mine_triplets(
    points: np.ndarray, usable: np.ndarray, new: Sequence[str], old: Sequence[str]
) -> list[tuple[float, Triplet]]:
    """All triplets, ranked by how well the new keypoints tell where the old one is.

    For new keypoints i, j and an old one k, p_k = p_i + A (p_j - p_i) is fitted to all samples by
    least squares, with A a rotation and scaling, two numbers. The score is the median of the
    residual's length relative to |p_j - p_i|; 0 is a rigid relation. (KAMP's triplets come from a
    chart or a language model; this is a replacement for both, not from the paper.)

    Args:
        points: (N, K, 2), old keypoints first, then the new ones; any unit.
        usable: (N, K) bool, which of them to rely on.
        new: Names of the last keypoints.
        old: Names of the first ones.

    Returns:
        (score, triplet) pairs, best first. Triplets with fewer than 2 samples, or less than
        `MIN_SUPPORT` of those of the triplet with the most, are left out.

    Raises:
        ValueError: If no triplet has enough samples, or the shapes do not fit.
    """
    candidates = _candidates(new, old)
    shape = (len(points), len(old) + len(new))
    if points.shape != (*shape, 2) or usable.shape != shape:
        raise ValueError(
            f'points of shape {points.shape} and usable of shape {usable.shape}: expected '
            f'{(*shape, 2)} and {shape} for {len(old)} old and {len(new)} new keypoints'
        )
    index = {name: i for i, name in enumerate([*old, *new])}
    places = points[..., 0].astype(np.float64) + 1j * points[..., 1]  # A is one complex factor
    fits = []
    for triplet in candidates:
        i, j, k = (index[name] for name in triplet)
        base, target = places[:, j] - places[:, i], places[:, k] - places[:, i]
        rows = usable[:, [i, j, k]].all(axis=1) & (base != 0) & np.isfinite(base + target)
        if rows.sum() >= 2:
            fits.append((_residual(base[rows], target[rows]), int(rows.sum()), triplet))
    if not fits:
        raise ValueError(
            f'no two of the new keypoints ({", ".join(new)}) are labelled in 2 images in which '
            f'the old detector is sure of one of {", ".join(old)}: give the triplets by name'
        )
    enough = MIN_SUPPORT * max(count for _, count, _ in fits)
    ranked = [(score, triplet) for score, count, triplet in fits if count >= enough]
    return sorted(ranked, key=lambda pair: pair[0])


def _residual(base: np.ndarray, target: np.ndarray) -> float:
    """Median relative residual of the fit target = A base; complex (N,)."""
    factor = np.vdot(base, target) / np.vdot(base, base).real
    return float(np.median(np.abs(target - factor * base) / np.abs(base)))


def _candidates(new: Sequence[str], old: Sequence[str], number: int = 1) -> list[Triplet]:
    """All triplets, in the order of `new` and `old`; an error if fewer than `number`."""
    candidates = [Triplet(*pair, name) for pair in combinations(new, 2) for name in old]
    if len(candidates) < number:
        raise ValueError(
            f'{number} triplets of two new keypoints and an old one are needed, there are '
            f'{len(candidates)} of the new {", ".join(new) or "none"} and the old '
            f'{", ".join(old) or "none"}'
        )
    return candidates
