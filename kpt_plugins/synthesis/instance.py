"""One image of a category: pose, placement, surroundings, light, and its annotation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from .background import draw_ground, draw_occluder, lay_over
from .categories import SyntheticCategory
from .model import Posed
from .render import OCCLUDER, Canvas, apply_affine
from .warp import Warp

MAX_ROTATION = 40.0  # degrees
_TILT = 0.18  # change of scale across the image by perspective
_ATTEMPTS = 12


@dataclass(frozen=True)
class Instance:
    """A rendered object.

    Args:
        image: BGR uint8 (size, size, 3).
        parts: uint8 (size, size), ids of the parts in front, 0 background, `OCCLUDER` what hides
            the object.
        keypoints: float (K, 3): x, y in pixels (pixel centres at half integers) and visibility, 2
            where seen; (0, 0, 0) where hidden or outside the image.
        bbox: x, y, width, height of the visible object with a small margin, inside the image.
    """

    image: np.ndarray
    parts: np.ndarray
    keypoints: np.ndarray
    bbox: tuple[float, float, float, float]


def render_instance(category: SyntheticCategory, index: int) -> Instance:
    """Render instance `index`, which depends on nothing but (category, index)."""
    size, blueprint = category.size, category.blueprint
    rng = np.random.default_rng([category.seed, category.index, 1 << 20, index])
    for attempt in range(_ATTEMPTS):
        # Late attempts are harmless ones, so that some attempt shows enough of the object.
        careful = attempt > _ATTEMPTS // 2
        posed = blueprint.model.pose(rng)
        canvas, points, centre = _place(rng, posed, size, blueprint.model.bend, careful)
        occluder = None
        if rng.uniform() < 0.2 and not careful:
            occluder = draw_occluder(rng, category.seed, size, centre)
        parts = canvas.parts
        if occluder is not None:
            parts = np.where(occluder.parts > 0, np.uint8(OCCLUDER), parts)
        seen = visibility(points, parts, blueprint.owners)
        if seen.sum() >= max(4, 0.45 * len(seen)):
            break
    image = _expose(rng, category.seed, canvas.colour, occluder)
    keypoints = np.column_stack([np.round(points, 2), np.full(len(points), 2.0)]) * seen[:, None]
    return Instance(image, parts, keypoints, _box(points[seen], parts))


def visibility(points: np.ndarray, parts: np.ndarray, owners) -> np.ndarray:
    """Which keypoints are seen, bool (K,).

    A keypoint is seen if it lies in the image and one of the parts it is on is in front at its
    pixel or at a direct neighbour (corners and tips lie on the very edge of their part).

    Args:
        points: (K, 2) pixels.
        parts: uint8 (h, w) ids.
        owners: K sets of part ids.
    """
    height, width = parts.shape
    seen = np.zeros(len(points), bool)
    for k, (x, y) in enumerate(np.floor(points).astype(int)):
        if 0 <= x < width and 0 <= y < height:
            around = parts[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
            seen[k] = not owners[k].isdisjoint(around.ravel().tolist())
    return seen


def _place(rng, posed: Posed, size: int, bend: float, careful: bool):
    """Rotate, scale, shift, warp. Returns the warped canvas, points (K, 2) and the centre."""
    angle = np.deg2rad(rng.uniform(-MAX_ROTATION, MAX_ROTATION))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = posed.points @ turn.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    scale = rng.uniform(0.5, 0.82) * size / max(*(high - low), 0.3)
    truncated = rng.uniform() < 0.15 and not careful
    room = np.maximum(0.9 * size - scale * (high - low), 0) / 2
    centre = size / 2 + rng.uniform(-1, 1, 2) * (0.3 * size if truncated else room)

    # The flat object is painted with a margin from which the warp can draw.
    margin = size // 6
    shift = centre - scale * (low + high) / 2
    to_canvas = np.column_stack([scale * turn, shift + margin])
    flat = Canvas(size + 2 * margin, size + 2 * margin)
    for layer in posed.layers:
        flat.paint(layer, to_canvas, rng.uniform(0.92, 1.08, 3))

    warp = Warp.random(rng, size, bend * scale / size, _TILT)
    points = warp.forward(apply_affine(to_canvas, posed.points) - margin)
    map_x, map_y = warp.backward_grid(size, size)
    map_x += margin - 0.5  # cv2 counts from pixel centres
    map_y += margin - 0.5
    canvas = Canvas(size, size)
    canvas.colour = cv2.remap(flat.colour, map_x, map_y, cv2.INTER_LINEAR)
    canvas.parts = cv2.remap(flat.parts, map_x, map_y, cv2.INTER_NEAREST)
    return canvas, points, centre


def _expose(rng, seed: int, colour: np.ndarray, occluder: Canvas | None) -> np.ndarray:
    """Light on the object, its shadow, ground, occluder, camera."""
    size = colour.shape[0]
    image = draw_ground(rng, seed, size)
    if rng.uniform() < 0.6:  # a soft shadow on the ground
        blur = cv2.blur(colour[..., 3], (size // 16, size // 16))
        dx, dy = rng.uniform(-0.05, 0.05, 2) * size
        move = np.float32([[1, 0, dx], [0, 1, dy]])
        shadow = 255 - cv2.warpAffine(blur, move, (size, size)) // 2
        image = cv2.multiply(image, cv2.cvtColor(shadow, cv2.COLOR_GRAY2BGR), scale=1 / 255)
    image = lay_over(image, colour)
    if occluder is not None:
        image = lay_over(image, occluder.colour)

    if rng.uniform() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 0.9))
    # Light falls off in some direction; colour balance, brightness and noise vary.
    slope = rng.uniform(-0.25, 0.25, 2) / size
    at = np.arange(size, dtype=np.float32) - size / 2
    light = 1 + np.float32(slope[0]) * at[None, :] + np.float32(slope[1]) * at[:, None]
    balance = rng.uniform(0.75, 1.2) * rng.uniform(0.9, 1.1, 3)
    gains = cv2.merge([light * np.float32(b) for b in balance])
    exposed = cv2.multiply(image.astype(np.float32), gains)
    # Not cv2.add(..., dtype=CV_8U), which is ten times slower.
    return np.clip(cv2.add(exposed, _noise(rng, size)), 0, 255).astype(np.uint8)


@lru_cache(maxsize=2)
def _noise_tile(size: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, (2 * size, 2 * size, 3)).astype(np.float32)


def _noise(rng, size: int) -> np.ndarray:
    """Sensor noise, float32 (size, size, 3): cuts of one tile, as drawing it anew would be slow."""
    x, y = rng.integers(0, size, 2)
    return np.float32(rng.uniform(0, 6)) * _noise_tile(size)[y : y + size, x : x + size]


def _box(points: np.ndarray, parts: np.ndarray) -> tuple[float, float, float, float]:
    """Box around the visible object and keypoints, 2 % larger on each side, inside the image."""
    height, width = parts.shape
    shown = ((parts > 0) & (parts != OCCLUDER)).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(shown)
    low = np.minimum((x, y), points.min(axis=0, initial=np.inf))
    high = np.maximum((x + w, y + h), points.max(axis=0, initial=-np.inf))
    margin = 0.02 * (high - low).max()
    low = np.maximum(low - margin, 0)
    high = np.minimum(high + margin, (width, height))
    return tuple(np.round([*low, *(high - low)], 2).tolist())
