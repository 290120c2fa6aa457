"""Distances between predicted and true keypoints, and what they are measured in."""

from __future__ import annotations

import numpy as np


def box_normalizer(bbox: np.ndarray) -> float:
    """Longest side of a box, the length that PCK thresholds are fractions of.

    Args:
        bbox: ``array (4,)`` x1, y1, x2, y2 of the query's *cleaned* box, in pixels of the original
            image. The cleaned box of MP-100 ends one pixel before COCO's (``x + w - 1``), which
            the dataset has already done.

    Returns:
        ``max(x2 - x1, y2 - y1)`` in pixels.

    Raises:
        ValueError: if the box is not four finite numbers with a positive longest side.
    """
    bbox = np.asarray(bbox, dtype=np.float64)
    if bbox.shape != (4,) or not np.isfinite(bbox).all():
        raise ValueError(f'a box must be four finite numbers x1, y1, x2, y2, got {bbox.tolist()}')
    longest = float(max(bbox[2] - bbox[0], bbox[3] - bbox[1]))
    if longest <= 0:
        raise ValueError(f'box {bbox.tolist()} (x1, y1, x2, y2) has no positive side')
    return longest


def keypoint_distances(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Euclidean distance of every keypoint, in the unit of the coordinates.

    Args:
        pred: ``array (K, 2)``.
        target: ``array (K, 2)``.

    Returns:
        ``float64 array (K,)``; NaN or infinite where the prediction is.

    Raises:
        ValueError: if the shapes differ or are not ``(K, 2)``.
    """
    pred = np.asarray(pred, dtype=np.float64)
    target = np.asarray(target, dtype=np.float64)
    if pred.shape != target.shape or pred.ndim != 2 or pred.shape[1] != 2:
        raise ValueError(
            f'predicted and true keypoints must both be (K, 2), got {pred.shape} and {target.shape}'
        )
    return np.linalg.norm(pred - target, axis=1)
