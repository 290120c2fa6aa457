"""Average precision by object keypoint similarity, for any number of keypoints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

OKS_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


def object_keypoint_similarity(
    pred: np.ndarray,
    target: np.ndarray,
    visible: np.ndarray,
    area: float,
    sigma: float | np.ndarray = 0.05,
) -> float:
    """OKS of one instance: mean over its visible keypoints of exp(-d^2 / (2 A (2 sigma)^2)).

    As COCO's, with one sigma for all keypoints where none are known (weak-shot, section 4.2).

    Args:
        pred: ``array (K, 2)`` in pixels; NaN for a keypoint without prediction, which counts 0.
        target: ``array (K, 2)`` in pixels.
        visible: ``bool array (K,)``.
        area: A of the instance in square pixels.
        sigma: One, or one a keypoint (K,).

    Returns:
        In [0, 1]; 0 where no keypoint is visible.

    Raises:
        ValueError: For an area that is not positive.
    """
    if not area > 0:
        raise ValueError(f'OKS needs an area above 0, got {area}')
    visible = np.asarray(visible, dtype=bool)
    if not visible.any():
        return 0.0
    squared = ((np.asarray(pred, np.float64) - np.asarray(target, np.float64)) ** 2).sum(axis=-1)
    similarity = np.exp(-squared / (2 * area * (2 * np.asarray(sigma, np.float64)) ** 2))
    return float(np.nan_to_num(similarity, nan=0.0)[visible].mean())


def average_precision(
    similarity: np.ndarray, scores: np.ndarray, thresholds: Sequence[float] = OKS_THRESHOLDS
) -> np.ndarray:
    """AP of instances that each have exactly one prediction, at each threshold.

    A prediction is right if its similarity reaches the threshold. Predictions are ranked by score;
    precision is interpolated at the recalls 0, 0.01, ..., 1 as COCO does.

    Args:
        similarity: ``array (M,)``, OKS of each instance with its prediction.
        scores: ``array (M,)``; equal scores keep the given order.
        thresholds: T similarities.

    Returns:
        ``float64 array (T,)`` in [0, 1], zeros without any instance.
    """
    similarity = np.asarray(similarity, dtype=np.float64)
    if similarity.size == 0:
        return np.zeros(len(thresholds))
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind='stable')
    right = similarity[order][None] >= np.asarray(thresholds, dtype=np.float64)[:, None]
    found = np.cumsum(right, axis=1)
    recall = found / similarity.size
    precision = found / np.arange(1, similarity.size + 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    levels = np.linspace(0, 1, 101)
    result = []
    for reached, best in zip(recall, envelope, strict=True):
        # rounding must not lose a recall that is a level exactly
        places = np.searchsorted(reached, levels - 1e-12, side='left')
        result.append(np.append(best, 0.0)[places].mean())
    return np.array(result)
