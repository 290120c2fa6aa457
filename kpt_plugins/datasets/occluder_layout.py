"""Where occluders go, so that they hide given shares of an object and of its surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

Interval = tuple[float, float]

_TRIALS = 120
_MARGIN = 0.015  # kept to the ends of an interval: planning is coarser than the picture
_SLACK = 0.03  # how far a drawn share may be missed


@dataclass(frozen=True)
class Placement:
    """One occluder in the image.

    Args:
        index: which of the pictures.
        matrix: float64 (2, 3), pixels of the picture to pixels of the image, both counted from the
            centre of the first pixel.
    """

    index: int
    matrix: np.ndarray


def plan_layout(
    rng: np.random.Generator,
    pictures: Sequence[np.ndarray],
    weights: tuple[np.ndarray, np.ndarray],
    goals: tuple[Interval, Interval],
) -> list[Placement]:
    """Draw occluders until the covered shares of object and background lie in their intervals.

    An occluder is aimed at a point not yet hidden, of the object as long as too little of that is
    hidden, then of the background, at a random angle. One that would hide too much of either is
    not taken, and the next is smaller. Where the intervals cannot be met together (an object of
    a few pixels), the layout comes as near as it came.

    Args:
        rng: the source of all randomness.
        pictures: uint8 (h, w, 4) each, coverage in the last channel.
        weights: of the object and of the background, float32 (H, W) each: how much of them lies in
            a pixel of the plan. A share that has no weight at all is left out.
        goals: interval of the object's covered share, and of the background's.

    Returns:
        Placements in pixels of the plan, the front one last.
    """
    shape = weights[0].shape
    totals = np.maximum([float(weight.sum()) for weight in weights], 1e-9)
    limits = [high - _MARGIN for _, high in goals]
    wanted = [rng.uniform(low + _MARGIN, high - _MARGIN) for low, high in goals]
    enough = [
        max(low + _MARGIN, want - _SLACK) if weight.any() else 0.0
        for (low, _), want, weight in zip(goals, wanted, weights, strict=True)
    ]
    # Only the object's own occluders keep to its drawn share; they hide background as it comes.
    limits[0] = min(limits[0], wanted[0] + _SLACK)
    covered = np.zeros(shape, dtype=bool)
    shares = np.zeros(2)
    placements, shrink = [], 1.0
    for _ in range(_TRIALS):
        short = [share < need for share, need in zip(shares, enough, strict=True)]
        if not any(short):
            break
        aim = 0 if short[0] else 1
        places = np.flatnonzero((weights[aim] > 0) & ~covered)
        if not places.size:
            break
        y, x = divmod(int(places[rng.integers(places.size)]), shape[1])
        area = (wanted[aim] - shares[aim]) * totals[aim] * rng.uniform(0.3, 1.0) * shrink
        index = int(rng.integers(len(pictures)))
        alpha = pictures[index][..., 3]
        matrix = _placed(rng, alpha, (x, y), max(area, 2.0))
        hidden = cv2.warpAffine(alpha, matrix, shape[::-1]) > 127
        both = covered | hidden
        after = np.array([float(weight[both].sum()) for weight in weights]) / totals
        if after[aim] > shares[aim] and (after <= limits).all():
            placements.append(Placement(index, matrix))
            covered, shares, shrink = both, after, 1.0
        else:
            shrink *= 0.75
    return placements


def _placed(
    rng: np.random.Generator, alpha: np.ndarray, point: tuple[float, float], area: float
) -> np.ndarray:
    """Matrix (2, 3) that puts a picture's middle on a point, turned, with a given opaque area."""
    height, width = alpha.shape
    scale = np.sqrt(area / max(np.count_nonzero(alpha > 127), 1))
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    mirror = 1 if rng.uniform() < 0.5 else -1
    linear = np.array([[cos * mirror, -sin], [sin * mirror, cos]])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.column_stack([linear, np.asarray(point) - linear @ middle])
