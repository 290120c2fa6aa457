import math

import numpy as np
import pytest

from kpt_plugins.evaluation.functional import per_keypoint_mean


def test_against_loops():
    rng = np.random.default_rng(0)
    values, visible = rng.normal(size=(7, 4)), rng.random((7, 4)) < 0.6
    visible[:, 2] = False
    values[~visible] = np.nan
    means = per_keypoint_mean(values, visible)
    for k in range(4):
        seen = [values[n, k] for n in range(7) if visible[n, k]]
        if k == 2:
            assert not seen and math.isnan(means[k])
        else:
            assert means[k] == pytest.approx(sum(seen) / len(seen))


def test_truth_values_and_visible_nan():
    values = np.array([[True, False], [False, False]])
    assert per_keypoint_mean(values, np.ones((2, 2))).tolist() == [0.5, 0]
    assert np.isnan(per_keypoint_mean(np.array([[np.nan]]), np.array([[True]]))).all()


@pytest.mark.parametrize('shape', [(2, 4), (3,), (2, 3, 1)])
def test_shapes_that_do_not_fit(shape):
    with pytest.raises(ValueError, match=r'\(N, K\), got \(2, 3\) and'):
        per_keypoint_mean(np.zeros((2, 3)), np.ones(shape, dtype=bool))
