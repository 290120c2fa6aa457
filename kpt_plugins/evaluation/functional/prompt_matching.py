"""Which prompt stands for which keypoint of a category: delta of the matching-based protocol."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

MATCHINGS = ('class', 'class_test', 'image')


def matching_cost(
    points: np.ndarray, targets: np.ndarray, visible: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """Mean distance of each prompt to each keypoint, over the images that show the keypoint.

    Weak-shot, section 4.2.

    Args:
        points: ``array (M, N, 2)``, the prompts' keypoints in M images, in pixels.
        targets: ``array (M, K, 2)`` in pixels.
        visible: ``bool array (M, K)``.
        sizes: ``array (M,)`` of lengths in pixels that distances are divided by.

    Returns:
        ``float64 array (N, K)``; NaN for keypoints that no image shows.
    """
    points, targets = np.asarray(points, np.float64), np.asarray(targets, np.float64)
    visible = np.asarray(visible, dtype=bool)
    total = np.zeros((points.shape[1], targets.shape[1]))
    for image, target, seen, size in zip(points, targets, visible, sizes, strict=True):
        distance = np.linalg.norm(image[:, None] - target[None], axis=-1) / size
        total += np.where(seen, distance, 0.0)
    count = visible.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def match_prompts(cost: np.ndarray) -> np.ndarray:
    """The assignment of lowest total cost, each prompt to at most one keypoint (Hungarian).

    Args:
        cost: ``array (N, K)``; a column of NaN is a keypoint that cannot be matched.

    Returns:
        ``int64 array (K,)`` of prompts; -1 for a keypoint that cannot be matched, or for which no
        prompt is left because there are more keypoints than prompts.
    """
    cost = np.asarray(cost, dtype=np.float64)
    assignment = np.full(cost.shape[1], -1, dtype=np.int64)
    known = np.flatnonzero(~np.isnan(cost).any(axis=0))
    prompts, columns = linear_sum_assignment(cost[:, known])
    assignment[known[columns]] = prompts
    return assignment


def select_prompts(values: np.ndarray, assignment: np.ndarray, missing: float) -> np.ndarray:
    """What the assigned prompts say, in the order of the keypoints.

    Args:
        values: ``array (N, ...)``, of prompts.
        assignment: ``int array (K,)``, -1 for none.
        missing: Value where there is none.

    Returns:
        ``float64 array (K, ...)``.
    """
    selected = np.asarray(values, dtype=np.float64)[assignment]
    selected[assignment < 0] = missing
    return selected
