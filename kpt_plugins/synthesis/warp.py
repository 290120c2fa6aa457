"""Smooth warp of a whole image with an exact inverse: bending and mild perspective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Warp:
    """Two shears by sine waves, then a homography about the image centre.

    x1 = x + a sin(f y + p),  y1 = y + b sin(g x1 + q),  then H. Each shear has a closed inverse.

    Args:
        waves: (2, 3) amplitude in pixels, frequency in radians a pixel, phase, for x and for y.
        homography: (3, 3), pixels to pixels.
    """

    waves: np.ndarray
    homography: np.ndarray

    @classmethod
    def random(cls, rng: np.random.Generator, size: int, bend: float, tilt: float) -> Warp:
        """Draw a warp.

        Args:
            size: Width and height of the image in pixels.
            bend: Largest amplitude as a share of `size`.
            tilt: Largest change of scale from one border to the other, as a share.
        """
        amplitude = rng.uniform(-bend, bend, 2) * size
        frequency = 2 * np.pi / (size * rng.uniform(0.9, 1.8, 2))
        waves = np.stack([amplitude, frequency, rng.uniform(0, 2 * np.pi, 2)], 1)
        half = size / 2
        to_centre = np.array([[1, 0, -half], [0, 1, -half], [0, 0, 1.0]])
        back = np.array([[1, 0, half], [0, 1, half], [0, 0, 1.0]])
        tilted = np.eye(3)
        tilted[2, :2] = rng.uniform(-tilt, tilt, 2) / size
        return cls(waves, back @ tilted @ to_centre)

    def forward(self, points: np.ndarray) -> np.ndarray:
        """Where points (N, 2) of the flat image go."""
        (a, f, p), (b, g, q) = self.waves
        x = points[:, 0] + a * np.sin(f * points[:, 1] + p)
        y = points[:, 1] + b * np.sin(g * x + q)
        projected = np.column_stack([x, y, np.ones(len(x))]) @ self.homography.T
        return projected[:, :2] / projected[:, 2:]

    def backward_grid(self, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """For each pixel of the warped image where its centre comes from, two float32 (h, w)."""
        inverse = np.linalg.inv(self.homography)
        xs = (np.arange(width) + 0.5)[None, :]
        ys = (np.arange(height) + 0.5)[:, None]
        x, y, w = ((row[0] * xs + row[1] * ys + row[2]).astype(np.float32) for row in inverse)
        x /= w
        y /= w
        (a, f, p), (b, g, q) = np.float32(self.waves)
        if b:
            y -= b * np.sin(g * x + q)
        if a:
            x -= a * np.sin(f * y + p)
        return x, y
