"""Colours and small tiling-free textures from which every part and background is made."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace

import cv2
import numpy as np

Rng = np.random.Generator

KINDS = ('plain', 'stripes', 'spots', 'checker', 'marble', 'bands', 'rings', 'grain')


def random_colour(rng: Rng, avoid: list[np.ndarray] | None = None) -> np.ndarray:
    """Draw a BGR colour, float32 (3,) in [0, 255], as far as a few tries allow from `avoid`."""
    best, best_distance = None, -1.0
    for _ in range(6 if avoid else 1):
        hue, saturation = rng.uniform(), rng.uniform(0.25, 0.95)
        value = rng.uniform(0.35, 1.0)
        red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
        colour = np.array([blue, green, red], np.float32) * 255
        distance = min((float(np.linalg.norm(colour - c)) for c in avoid or ()), default=0.0)
        if distance > best_distance:
            best, best_distance = colour, distance
    return best


def smooth_noise(rng: Rng, height: int, width: int, cell: float) -> np.ndarray:
    """Value noise in [0, 1], float32 (height, width), with features of about `cell` pixels."""
    rows = max(2, int(round(height / cell)) + 2)
    cols = max(2, int(round(width / cell)) + 2)
    coarse = rng.random((rows, cols), dtype=np.float32)
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(fine, 0, 1)


@dataclass(frozen=True)
class Texture:
    """A recipe: a kind, two colours and the size of its features.

    Args:
        kind: One of `KINDS`.
        base, accent: BGR colours, float32 (3,) in [0, 255].
        period: Feature size in units of the object (the object is about 1 unit large).
        angle: Direction of stripes, bands and checkers in radians, in the part's own frame.
        seed: Where random details (spots, noise) come from.
    """

    kind: str
    base: np.ndarray
    accent: np.ndarray
    period: float
    angle: float
    seed: int

    def tinted(self, gains: float | np.ndarray) -> Texture:
        """The same texture under other gains, one or one a colour (3,)."""
        base, accent = (np.clip(c * np.float32(gains), 0, 255) for c in (self.base, self.accent))
        return replace(self, base=base, accent=accent)

    def draw(self, height: int, width: int, resolution: float) -> np.ndarray:
        """Paint the texture.

        Args:
            height, width: Size of the patch in pixels.
            resolution: Pixels per unit of the object.

        Returns:
            BGR patch, float32 (height, width, 3) in [0, 255].
        """
        rng = np.random.default_rng(self.seed)
        weight = self._weight(rng, height, width, max(3.0, self.period * resolution))
        grain = smooth_noise(rng, height, width, max(2.0, 0.02 * resolution)) - 0.5
        patch = self.base + weight[..., None] * (self.accent - self.base)
        return np.clip(patch * (1 + 0.16 * grain[..., None]), 0, 255)

    def _weight(self, rng: Rng, height: int, width: int, period: float) -> np.ndarray:
        """Share of the accent colour, float32 (height, width) in [0, 1]."""
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        along = x * np.cos(self.angle) + y * np.sin(self.angle)
        across = y * np.cos(self.angle) - x * np.sin(self.angle)
        if self.kind == 'stripes':
            return _soft_step(np.sin(2 * np.pi * along / period))
        if self.kind == 'bands':  # across the part's axis, where stripes take any direction
            return _soft_step(np.sin(2 * np.pi * x / (1.6 * period)))
        if self.kind == 'checker':
            return _soft_step(np.sin(np.pi * along / period) * np.sin(np.pi * across / period), 6)
        if self.kind == 'rings':
            radius = np.hypot(x - width / 2, y - height / 2)
            return _soft_step(np.sin(2 * np.pi * radius / period))
        if self.kind == 'spots':
            weight = np.zeros((height, width), np.float32)
            count = int(0.45 * height * width / period**2) + 1
            for px, py, r in rng.uniform((0, 0, 0.25), (width, height, 0.45), (count, 3)):
                cv2.circle(
                    weight, (int(px), int(py)), max(1, int(r * period)), 1.0, -1, cv2.LINE_AA
                )
            return weight
        if self.kind == 'marble':
            noise = smooth_noise(rng, height, width, 1.5 * period)
            return _soft_step(np.sin(4 * np.pi * noise + 2 * along / period))
        if self.kind == 'grain':
            return 0.8 * smooth_noise(rng, height, width, max(2.0, period / 3))
        if self.kind != 'plain':
            raise ValueError(f'Texture.kind: {self.kind!r} is not one of {KINDS}')
        return 0.25 * smooth_noise(rng, height, width, 2 * period)


def random_texture(
    rng: Rng, avoid: list[np.ndarray] | None = None, kind: str | None = None
) -> Texture:
    """Draw a texture whose base colour keeps away from the colours in `avoid`."""
    base = random_colour(rng, avoid)
    # Either a darker or brighter tone of the base, or a second colour: both occur in nature.
    if rng.uniform() < 0.5:
        factor = rng.uniform(0.3, 0.6) if base.max() > 150 else rng.uniform(1.5, 2.2)
        accent = np.clip(base * np.float32(factor), 0, 255)
    else:
        accent = random_colour(rng, [base])
    return Texture(
        kind=kind or str(rng.choice(KINDS)),
        base=base,
        accent=accent,
        period=float(rng.uniform(0.04, 0.11)),
        angle=float(rng.uniform(0, np.pi)),
        seed=int(rng.integers(2**31)),
    )


class Wardrobe:
    """The textures of one category by role ('torso', 'head', ...); each role is drawn once.

    A category has its own saturation and contrast: some are as gaudy as toys, others as
    dull as sheep.
    """

    def __init__(self, rng: Rng):
        self._rng = rng
        self._saturation = rng.uniform(0.35, 1.0)
        self._contrast = rng.uniform(0.3, 1.0)
        self._textures: dict[str, Texture] = {}

    def __getitem__(self, role: str) -> Texture:
        if role not in self._textures:
            avoid = [texture.base for texture in self._textures.values()]
            drawn = random_texture(self._rng, avoid)
            base = self._muted(drawn.base)
            accent = base + self._contrast * (self._muted(drawn.accent) - base)
            self._textures[role] = replace(drawn, base=base, accent=np.float32(accent))
        return self._textures[role]

    def _muted(self, colour: np.ndarray) -> np.ndarray:
        grey = colour.mean()
        return np.float32(grey + self._saturation * (colour - grey))


def _soft_step(values: np.ndarray, sharpness: float = 3.0) -> np.ndarray:
    return np.clip(0.5 + 0.5 * sharpness * values, 0, 1).astype(np.float32)


def sided(texture: Texture, sign: int) -> Texture:
    """The texture of the right (sign 1) or the left side (-1): one is a little warmer."""
    return texture if sign < 0 else texture.tinted(np.array([0.82, 0.9, 1.08]))
