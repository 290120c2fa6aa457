"""How well dense descriptors find a keypoint in another image (weak-shot, section 4.4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def draw_image_pairs(num_images: int, num_pairs: int, seed: int | Sequence[int]) -> np.ndarray:
    """Ordered pairs of different images of a category, drawn by the seed.

    Returns:
        ``int array (P, 2)``, source and target; all ordered pairs if there are no more than
        ``num_pairs``, none for fewer than two images.
    """
    every = np.array(
        [(i, j) for i in range(num_images) for j in range(num_images) if i != j], dtype=np.int64
    ).reshape(-1, 2)
    if len(every) <= num_pairs:
        return every
    return every[np.random.default_rng(seed).choice(len(every), num_pairs, replace=False)]


def transfer_points(points: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Places of another image whose descriptors are the nearest to those of given points.

    Args:
        points: ``array (K, 2)``, fractions of the source crop; descriptors are sampled bilinearly.
        source, target: Descriptors ``(D, h, w)`` of length one over D.

    Returns:
        ``float64 array (K, 2)``, centres of the best cells as fractions of the target crop.
    """
    channels, height, width = target.shape
    query = sample_bilinear(source, points)
    norm = np.linalg.norm(query, axis=-1, keepdims=True)
    cosine = (query / np.maximum(norm, 1e-12)) @ np.asarray(target, np.float64).reshape(
        channels, -1
    )
    best = cosine.argmax(axis=-1)
    return np.stack([(best % width + 0.5) / width, (best // width + 0.5) / height], axis=-1)


def sample_bilinear(maps: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Values ``(K, D)`` of maps ``(D, h, w)`` at points (K, 2), fractions, centres at halves.

    Outside the outermost centres the border's values hold.
    """
    maps = np.asarray(maps, dtype=np.float64)
    height, width = maps.shape[-2:]
    x = np.clip(np.asarray(points)[:, 0] * width - 0.5, 0, width - 1)
    y = np.clip(np.asarray(points)[:, 1] * height - 0.5, 0, height - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = x - left, y - top
    upper = maps[:, top, left] * (1 - across) + maps[:, top, right] * across
    lower = maps[:, bottom, left] * (1 - across) + maps[:, bottom, right] * across
    return (upper * (1 - down) + lower * down).T
