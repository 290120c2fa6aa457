import math

import numpy as np
import pytest

from kpt_plugins.evaluation.functional import (
    keyness_squared_error,
    keyness_target,
    mean_shift_px256,
    shifted_points,
)


def test_target_equals_a_loop():
    points = np.array([[0.3, 0.6], [0.35, 0.5], [0.9, 0.1]])
    visible = np.array([1, 1, 0])
    found = keyness_target(points, visible, (10, 14), 1.3)
    for row in range(10):
        for column in range(14):
            x, y = column + 0.5, row + 0.5
            squared = [(x - 14 * u) ** 2 + (y - 10 * v) ** 2 for u, v in points[:2]]
            expected = max(math.exp(-d / (2 * 1.3**2)) for d in squared)
            assert found[row, column] == pytest.approx(expected)
    assert not keyness_target(points, [0, 0, 0], (4, 4), 1.0).any()


def test_one_keypoint_has_the_energy_of_the_spec():
    """12.6 on 64 x 64 cells; nearly the same from a coarser map."""
    for side in (64, 32):
        target = keyness_target(np.array([[0.5, 0.5]]), [1], (side, side), 2 * side / 64)
        error = keyness_squared_error(np.zeros((side, side)), target)
        assert error == pytest.approx(math.pi * 4, rel=0.01)
    assert keyness_squared_error(target, target) == 0


def test_shift():
    points = np.array([[[0.5, 0.5], [0.1, 0.2]], [[0.5, 0.5], [0, 0]]])
    moved = points + [3 / 256, 4 / 256]
    assert mean_shift_px256(moved, points, [[1, 1], [1, 0]]) == pytest.approx(5)
    assert math.isnan(mean_shift_px256(moved, points, np.zeros((2, 2))))


def test_noise_depends_on_the_seed():
    points = np.full((500, 2), 0.5)
    noisy = shifted_points(points, 0.05, 1)
    assert (noisy - points).std() == pytest.approx(0.05, rel=0.1)
    np.testing.assert_array_equal(noisy, shifted_points(points, 0.05, 1))
    assert (noisy != shifted_points(points, 0.05, 2)).any()
