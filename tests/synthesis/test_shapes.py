"""Polygons."""

from __future__ import annotations

import numpy as np
import pytest

from kpt_plugins.synthesis.shapes import capsule, ellipse, mirrored, panel, petal, smooth_closed


def area(polygon: np.ndarray) -> float:
    x, y = np.asarray(polygon, float).T
    return 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def test_areas():
    assert area(panel(0, 2, 1, 3)) == pytest.approx(8)
    assert area(ellipse((5, 5), (2, 1), count=400)) == pytest.approx(2 * np.pi, rel=1e-3)
    assert area(ellipse((0, 0), (2, 1), 40, count=400)) == pytest.approx(8, rel=0.05)  # a box
    assert area(capsule(3, 0.5, 0.5)) == pytest.approx(3 + np.pi * 0.25, rel=0.02)


def test_mirrored_is_symmetric_and_keeps_the_axis_single():
    polygon = mirrored([(0, 0), (1, 2), (3, 1), (4, 0)])
    assert polygon.tolist() == [[0, 0], [1, 2], [3, 1], [4, 0], [3, -1], [1, -2]]


def test_smooth_curve_passes_through_its_points():
    points = np.array([(0, 0), (2, 0), (2, 2), (0, 2.5)])
    curve = smooth_closed(points, per_segment=5)
    assert len(curve) == 20
    assert np.allclose(curve[::5], points)


def test_petal_reaches_its_tip():
    assert petal(0.5, 0.1, 0.05)[:, 0].max() == pytest.approx(0.5)
