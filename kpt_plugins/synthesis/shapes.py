"""Polygons that parts are cut from; all in units, (N, 2)."""

from __future__ import annotations

import numpy as np


def capsule(length: float, start: float, end: float, bulge: float = 0.0) -> np.ndarray:
    """Limb along +x from (0, 0) to (length, 0), round at both ends.

    Args:
        length: Distance of the two joints.
        start, end: Half widths at the joints.
        bulge: Extra half width in the middle, as a muscle has.

    Returns:
        (N, 2) polygon.
    """
    half = np.linspace(-np.pi / 2, np.pi / 2, 9)
    t = np.linspace(0, 1, 7)[1:-1]
    side = start + (end - start) * t + bulge * np.sin(np.pi * t)
    tip = np.stack([length + end * np.cos(half), end * np.sin(half)], 1)
    root = np.stack([-start * np.cos(half), -start * np.sin(half)], 1)
    lower = np.stack([t[::-1] * length, side[::-1]], 1)
    upper = np.stack([t * length, -side], 1)
    return np.concatenate([tip, lower, root, upper])


def ellipse(centre, radii, power: float = 2.0, count: int = 32) -> np.ndarray:
    """Superellipse, (count, 2): power 2 is an ellipse, larger ones tend to a box."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    unit = np.stack([np.cos(angle), np.sin(angle)], 1)
    unit = np.sign(unit) * np.abs(unit) ** (2 / power)
    return np.asarray(centre) + unit * np.asarray(radii)


def smooth_closed(points, per_segment: int = 6) -> np.ndarray:
    """Closed Catmull-Rom curve through `points` (N, 2), (N * per_segment, 2)."""
    p1 = np.asarray(points, np.float64)
    p0, p2, p3 = (np.roll(p1, shift, axis=0) for shift in (1, -1, -2))
    t = np.linspace(0, 1, per_segment, endpoint=False)[:, None, None]
    curve = 0.5 * (
        2 * p1
        + (p2 - p0) * t
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return curve.transpose(1, 0, 2).reshape(-1, 2)


def mirrored(half) -> np.ndarray:
    """Polygon that is symmetric about the x axis, from the vertices (N, 2) of one side."""
    half = np.asarray(half, np.float64)
    other = half[half[:, 1] != 0][::-1]  # vertices on the axis are their own mirror images
    return np.concatenate([half, other * (1, -1)])


def petal(length: float, half: float, root: float) -> np.ndarray:
    """Ear: from x = -root to a tip at x = length, `half` wide to each side."""
    return smooth_closed(mirrored([(-root, half), (0.5 * length, half), (length, 0.0)]))


def panel(x0: float, x1: float, half0: float, half1: float | None = None) -> np.ndarray:
    """Trapezoid across the x axis, `half0` wide to each side at x0 and `half1` at x1."""
    half1 = half0 if half1 is None else half1
    return np.array([(x0, -half0), (x0, half0), (x1, half1), (x1, -half1)])
