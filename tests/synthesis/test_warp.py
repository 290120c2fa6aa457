"""The smooth warp and its inverse."""

from __future__ import annotations

import numpy as np
import pytest

from kpt_plugins.synthesis.warp import Warp


@pytest.mark.parametrize('bend, tilt', [(0.0, 0.0), (0.07, 0.0), (0.0, 0.2), (0.07, 0.2)])
def test_backward_grid_inverts_forward(bend, tilt):
    warp = Warp.random(np.random.default_rng(3), 100, bend, tilt)
    x, y = warp.backward_grid(100, 100)
    assert x.shape == y.shape == (100, 100)
    ys, xs = np.mgrid[:100, :100] + 0.5
    there = warp.forward(np.column_stack([x.ravel(), y.ravel()]).astype(float))
    assert there == pytest.approx(np.column_stack([xs.ravel(), ys.ravel()]), abs=1e-3)


def test_moves_points_but_only_mildly():
    points = np.random.default_rng(0).uniform(0, 100, (200, 2))
    flat = Warp.random(np.random.default_rng(1), 100, 0.0, 0.0)
    assert flat.forward(points) == pytest.approx(points)
    shifts = [
        np.abs(Warp.random(np.random.default_rng(s), 100, 0.07, 0.18).forward(points) - points)
        for s in range(50)
    ]
    # The margin around the flat picture is a sixth of the image.
    assert 1 < np.max(shifts) < 100 / 6 + 3
