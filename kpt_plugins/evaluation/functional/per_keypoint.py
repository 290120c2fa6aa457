"""Means over instances, for each keypoint."""

from __future__ import annotations

import numpy as np


def per_keypoint_mean(values: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Mean of every keypoint's values over the instances that show it.

    Args:
        values: ``array (N, K)``; what invisible keypoints have does not matter, even NaN.
        visible: ``bool array (N, K)``.

    Returns:
        ``float64 array (K,)``, NaN for a keypoint that no instance shows.

    Raises:
        ValueError: if the shapes differ or are not ``(N, K)``.
    """
    values, visible = np.asarray(values, dtype=np.float64), np.asarray(visible, dtype=bool)
    if values.shape != visible.shape or values.ndim != 2:
        raise ValueError(
            f'values and visibility must both be (N, K), got {values.shape} and {visible.shape}'
        )
    counts = visible.sum(axis=0)
    sums = np.where(visible, values, 0.0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
