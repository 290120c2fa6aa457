"""Painting of posed parts into a colour image with a mask of part ids.

Pixel (row i, column j) covers [j, j + 1] x [i, i + 1]: its centre is at half integers.
"""

from __future__ import annotations

import cv2
import numpy as np

from .model import Layer
from .sprites import Sprite

OCCLUDER = 255  # id of whatever lies in front of the object in the part mask


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Affine map `outer` after `inner`, each (2, 3)."""
    matrix = outer[:, :2] @ inner
    matrix[:, 2] += outer[:, 2]
    return matrix


def apply_affine(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points (N, 2) by an affine (2, 3)."""
    return points @ matrix[:, :2].T + matrix[:, 2]


class Canvas:
    """An image being painted, transparent at first or on a BGR `ground` (h, w, 3).

    Attributes:
        colour: uint8 (h, w, 4): blue, green, red times coverage, and coverage.
        parts: uint8 (h, w), the id of the front part, 0 where there is none.
    """

    def __init__(self, height: int, width: int, ground: np.ndarray | None = None):
        if ground is None:
            self.colour = np.zeros((height, width, 4), np.uint8)
        else:
            self.colour = cv2.cvtColor(ground, cv2.COLOR_BGR2BGRA)
        self.parts = np.zeros((height, width), np.uint8)
        self._nearness: np.ndarray | None = None

    def paint(self, layer: Layer, to_canvas: np.ndarray, gains: np.ndarray | None = None) -> None:
        """Paint a layer.

        Args:
            layer: A part in scene units.
            to_canvas: float (2, 3), scene to pixels.
            gains: Colour factors (3,) on top of the layer's brightness.
        """
        sprite = layer.sprite
        matrix = compose(to_canvas, layer.matrix)
        window = _window(sprite, matrix, self.parts.shape)
        if window is None:
            return
        x0, y0, x1, y1 = window
        patch = _warp(sprite, matrix, window)
        alpha = patch[..., 3]
        if layer.plane is not None:
            alpha = self._hide_behind(layer.plane, to_canvas, window, alpha)
        factors = np.full(3, layer.gain) if gains is None else layer.gain * gains
        patch = cv2.multiply(patch, (*factors.tolist(), 1.0))
        patch[..., 3] = 255

        weight = alpha.astype(np.float32) * np.float32(1 / 255)
        target = self.colour[y0:y1, x0:x1]
        self.colour[y0:y1, x0:x1] = cv2.blendLinear(patch, target, weight, 1 - weight)
        self.parts[y0:y1, x0:x1][alpha > 127] = layer.part

    def _hide_behind(self, plane, to_canvas, window, alpha) -> np.ndarray:
        """Depth test against the parts painted so far; returns what is left of the coverage."""
        if self._nearness is None:
            self._nearness = np.full(self.parts.shape, -np.inf, np.float32)
        x0, y0, x1, y1 = window
        slope_x, slope_y, offset = np.append(plane[:2] @ np.linalg.inv(to_canvas[:, :2]), plane[2])
        offset -= slope_x * to_canvas[0, 2] + slope_y * to_canvas[1, 2]
        xs = (np.arange(x0, x1) + 0.5).astype(np.float32) * np.float32(slope_x)
        ys = (np.arange(y0, y1) + 0.5).astype(np.float32) * np.float32(slope_y) + np.float32(offset)
        nearness = ys[:, None] + xs
        before = self._nearness[y0:y1, x0:x1]
        front = nearness > before
        alpha = alpha * front
        np.copyto(before, nearness, where=alpha > 127)
        return alpha


def _window(sprite: Sprite, matrix: np.ndarray, shape) -> tuple[int, int, int, int] | None:
    """Pixels (x0, y0, x1, y1) that a sprite can touch, None if outside."""
    height, width = sprite.bgra.shape[:2]
    x, y = sprite.corner
    w, h = width / sprite.resolution, height / sprite.resolution
    box = apply_affine(matrix, np.array([(x, y), (x + w, y), (x, y + h), (x + w, y + h)]))
    x0, y0 = np.maximum(np.floor(box.min(axis=0)).astype(int), 0).tolist()
    x1, y1 = np.ceil(box.max(axis=0)).astype(int).tolist()
    x1, y1 = min(x1, shape[1]), min(y1, shape[0])
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _warp(sprite: Sprite, matrix: np.ndarray, window) -> np.ndarray:
    """The sprite as seen in a window of the canvas, uint8 (y1 - y0, x1 - x0, 4)."""
    x0, y0, x1, y1 = window
    linear = matrix[:, :2] / sprite.resolution
    shift = matrix[:, :2] @ sprite.corner + matrix[:, 2] - (x0, y0)
    # cv2 counts from pixel centres: p' + 0.5 = linear @ (p + 0.5) + shift
    shift = shift + linear.sum(axis=1) * 0.5 - 0.5
    return cv2.warpAffine(sprite.bgra, np.column_stack([linear, shift]), (x1 - x0, y1 - y0))
