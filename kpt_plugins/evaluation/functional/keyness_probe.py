"""How well keyness maps show where keypoints are (weak-shot, section 4.4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SIDE = 64  # cells, on which the published maps are assumed to be


def keyness_target(
    points: np.ndarray, visible: np.ndarray, shape: tuple[int, int], sigma: float
) -> np.ndarray:
    """The true map: at each cell the largest of the visible keypoints' Gaussians of peak 1.

    Args:
        points: ``array (K, 2)``, fractions of the crop.
        visible: ``bool array (K,)``.
        shape: Rows h and columns w of the map.
        sigma: Standard deviation of the Gaussians in cells; the published one is assumed to be 2
            of 64.

    Returns:
        ``float64 array (h, w)``, zeros without a visible keypoint.
    """
    height, width = shape
    points = np.asarray(points, np.float64)[np.asarray(visible, dtype=bool)]
    if len(points) == 0:
        return np.zeros(shape)
    x = (np.arange(width) + 0.5)[None] - width * points[:, :1]
    y = (np.arange(height) + 0.5)[None] - height * points[:, 1:]
    squared = x[:, None, :] ** 2 + y[:, :, None] ** 2
    return np.exp(-squared / (2 * sigma**2)).max(axis=0)


def keyness_squared_error(keyness: np.ndarray, target: np.ndarray) -> float:
    """Sum of squared differences of one image's map, as it would be on 64 x 64 cells.

    Args:
        keyness, target: ``array (h, w)``.
    """
    difference = np.asarray(keyness, np.float64) - np.asarray(target, np.float64)
    return float((difference**2).sum() * SIDE**2 / difference.size)


def shifted_points(points: np.ndarray, std: float, seed: int | Sequence[int]) -> np.ndarray:
    """Points ``(..., 2)`` with normal noise of ``std`` (fraction of the side), by the seed."""
    return points + std * np.random.default_rng(seed).standard_normal(np.shape(points))


def mean_shift_px256(points: np.ndarray, targets: np.ndarray, visible: np.ndarray) -> float:
    """Mean distance of visible points from the truth, in pixels of a crop of 256.

    Args:
        points, targets: ``array (..., K, 2)``, fractions of the crop.
        visible: ``bool array (..., K)``.

    Returns:
        NaN without a visible keypoint.
    """
    distances = np.linalg.norm(np.asarray(points) - np.asarray(targets), axis=-1)
    distances = distances[np.asarray(visible, dtype=bool)]
    return float(256 * distances.mean()) if distances.size else float('nan')
