import numpy as np
import pytest

from kpt_plugins.evaluation.functional import box_normalizer, keypoint_distances


def test_longest_side():
    assert box_normalizer(np.array([10, 20, 40, 35])) == 30
    assert box_normalizer(np.array([10, 20, 11, 60.5])) == 40.5


@pytest.mark.parametrize('bbox', [[5, 5, 5, 5], [9, 9, 2, 3], [0, 0, np.nan, 4], [0, 0, 4]])
def test_impossible_box(bbox):
    with pytest.raises(ValueError, match='box'):
        box_normalizer(np.array(bbox, dtype=float))


def test_distances():
    pred = np.array([[0, 0], [3, 4], [np.nan, 0]])
    distances = keypoint_distances(pred, np.zeros((3, 2)))
    assert distances[:2].tolist() == [0, 5]
    assert np.isnan(distances[2])


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r'\(2, 2\) and \(3, 2\)'):
        keypoint_distances(np.zeros((2, 2)), np.zeros((3, 2)))
