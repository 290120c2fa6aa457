"""Cluttered surroundings: textured grounds and the odd shapes that lie on them."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from .model import Layer
from .render import Canvas
from .shapes import capsule, ellipse, smooth_closed
from .sprites import Sprite, make_sprite
from .textures import KINDS, random_texture, smooth_noise

_GROUNDS, _SHAPES = 32, 48


@lru_cache(maxsize=2)
def _pool(seed: int, size: int) -> tuple[list[np.ndarray], list[Sprite]]:
    """Grounds, uint8 (1.5 size, 1.5 size, 3), and clutter sprites; drawn once a process."""
    rng = np.random.default_rng([seed, 0xB6])
    side = int(1.5 * size)
    grounds = []
    for _ in range(_GROUNDS):
        kinds = rng.choice([kind for kind in KINDS if kind != 'rings'], 2)  # rings catch the eye
        first, second = (random_texture(rng, kind=k).draw(side, side, 2.0 * size) for k in kinds)
        mask = np.clip(
            4 * (smooth_noise(rng, side, side, side / rng.uniform(2, 5)) - 0.5) + 0.5, 0, 1
        )
        ground = first + mask[..., None] * (second - first)
        # Pull towards a random grey level: surroundings are duller than the objects, mostly.
        ground += rng.uniform(0.1, 0.6) * (rng.uniform(60, 200) - ground)
        grounds.append(np.clip(ground, 0, 255).astype(np.uint8))
    shapes = []
    for _ in range(_SHAPES):
        kind = rng.integers(4)
        if kind == 0:
            polygon = capsule(rng.uniform(0.2, 0.6), *rng.uniform(0.02, 0.07, 2))
        elif kind == 1:
            polygon = ellipse((0, 0), rng.uniform(0.05, 0.16, 2), rng.uniform(2, 5))
        elif kind == 2:
            angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(4, 9)))
            radius = rng.uniform(0.08, 0.22, len(angle))
            polygon = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
            polygon = smooth_closed(polygon) if rng.uniform() < 0.5 else polygon
        else:
            polygon = capsule(rng.uniform(0.6, 1.2), *rng.uniform(0.01, 0.03, 2))
        shapes.append(make_sprite(polygon, random_texture(rng), size, 0.3, 0.3))
    return grounds, shapes


def draw_ground(rng: np.random.Generator, seed: int, size: int) -> np.ndarray:
    """A random cut-out of a random ground with clutter on it, BGR uint8 (size, size, 3)."""
    grounds, _ = _pool(seed, size)
    ground = grounds[rng.integers(len(grounds))]
    side = ground.shape[0]
    angle, scale = rng.uniform(0, 360), rng.uniform(0.9, 1.8)
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), angle, scale)
    matrix[:, 2] += size / 2 - side / 2 + rng.uniform(-0.15, 0.15, 2) * side
    ground = cv2.warpAffine(ground, matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101)
    clutter = Canvas(size, size, ground)
    for _ in range(rng.integers(3, 10)):
        clutter.paint(
            random_shape(rng, seed, size), _shape_matrix(rng, size), rng.uniform(0.6, 1.1, 3)
        )
    return cv2.cvtColor(clutter.colour, cv2.COLOR_BGRA2BGR)


def draw_occluder(rng: np.random.Generator, seed: int, size: int, centre) -> Canvas:
    """One or two shapes near `centre` (x, y), in pixels, on an empty canvas."""
    canvas = Canvas(size, size)
    for _ in range(rng.integers(1, 3)):
        matrix = _shape_matrix(rng, size)
        matrix[:, 2] = np.asarray(centre) + rng.uniform(-0.2, 0.2, 2) * size
        canvas.paint(random_shape(rng, seed, size), matrix, rng.uniform(0.6, 1.2, 3))
    return canvas


def random_shape(rng: np.random.Generator, seed: int, size: int) -> Layer:
    """A clutter shape at the scene's origin."""
    _, shapes = _pool(seed, size)
    return Layer(shapes[rng.integers(len(shapes))], np.eye(2, 3), 1)


def _shape_matrix(rng: np.random.Generator, size: int) -> np.ndarray:
    angle, scale = rng.uniform(0, 2 * np.pi), size * rng.uniform(0.5, 1.0)
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, rng.uniform(0, size)], [s, c, rng.uniform(0, size)]])


def lay_over(image: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Put a premultiplied (h, w, 4) picture over a BGR image."""
    keep = cv2.cvtColor(255 - colour[..., 3], cv2.COLOR_GRAY2BGR)
    bgr = cv2.cvtColor(colour, cv2.COLOR_BGRA2BGR)
    return cv2.add(cv2.multiply(image, keep, scale=1 / 255), bgr)
