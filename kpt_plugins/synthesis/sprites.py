"""A sprite: the picture of one flat part in its own frame, with an outline and some relief."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .textures import Texture

_PAD = 3  # transparent pixels around the shape, so that bilinear warping never cuts an edge


@dataclass(frozen=True)
class Sprite:
    """Picture of a part.

    Args:
        bgra: uint8 (h, w, 4); colour is defined under transparent pixels too.
        corner: Position of the picture's upper left corner in the part's frame, float (2,).
        resolution: Pixels per unit. Pixel position = resolution * (point - corner).
    """

    bgra: np.ndarray
    corner: np.ndarray
    resolution: float


def make_sprite(
    polygon: np.ndarray,
    texture: Texture,
    resolution: float,
    relief: float = 0.45,
    outline: float = 0.45,
) -> Sprite:
    """Cut `polygon` out of `texture` and shade it.

    Args:
        polygon: (N, 2) vertices in units, in the part's frame.
        texture: What it is made of.
        resolution: Pixels per unit.
        relief: How much darker the rim is than the middle, which makes limbs look round.
        outline: Strength of the thin dark contour.
    """
    polygon = np.asarray(polygon, np.float64)
    corner = polygon.min(axis=0) - _PAD / resolution
    extent = (polygon.max(axis=0) - corner) * resolution + _PAD
    width, height = np.maximum(np.ceil(extent).astype(int), 2 * _PAD + 1)
    alpha = _fill((polygon - corner) * resolution, height, width)

    colour = texture.draw(height, width, resolution)
    inside = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 5)
    depth = max(float(inside.max()), 1.0)
    dome = np.sqrt(np.clip(inside / min(depth, 0.08 * resolution), 0, 1))
    contour = np.clip(inside / max(1.5, 0.01 * resolution), 0, 1)
    shade = (1 - relief * (1 - dome)) * (1 - outline * (1 - contour))
    bgra = np.dstack([colour * shade[..., None], alpha])
    return Sprite(np.clip(bgra + 0.5, 0, 255).astype(np.uint8), corner, float(resolution))


def _fill(polygon: np.ndarray, height: int, width: int) -> np.ndarray:
    """Anti-aliased coverage of a polygon given in pixels, uint8 (height, width)."""
    fine = np.zeros((8 * height, 8 * width), np.uint8)
    # cv2 puts integer coordinates on pixel centres, we put half integers there. Four fractional
    # bits. fillPoly keeps pixels that an edge touches, which 8 times finer means 1/16 pixel.
    vertices = np.round((8 * polygon - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(fine, [vertices], 255, shift=4)
    return cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
