from itertools import permutations

import numpy as np
import pytest

from kpt_plugins.evaluation.functional import match_prompts, matching_cost, select_prompts


def test_cost_is_the_mean_over_images_that_show_the_keypoint():
    points = np.array([[[0.0, 0], [3, 4]], [[0, 0], [6, 8]]])
    targets = np.array([[[0.0, 0], [3, 4], [9, 9]], [[0, 0], [0, 0], [9, 9]]])
    visible = np.array([[1, 1, 0], [1, 0, 0]])
    cost = matching_cost(points, targets, visible, np.array([5.0, 10.0]))
    np.testing.assert_allclose(cost[:, 0], [0, (5 / 5 + 10 / 10) / 2])
    np.testing.assert_allclose(cost[:, 1], [1, 0])  # the first image alone
    assert np.isnan(cost[:, 2]).all()


@pytest.mark.parametrize('seed', range(5))
def test_assignment_is_the_best_of_all(seed):
    cost = np.random.default_rng(seed).random((6, 4))
    found = match_prompts(cost)
    best = min(permutations(range(6), 4), key=lambda p: sum(cost[p[k], k] for k in range(4)))
    assert found.tolist() == list(best)


def test_what_cannot_be_matched():
    cost = np.array([[0.0, np.nan, 5], [1, np.nan, 0]])
    assert match_prompts(cost).tolist() == [0, -1, 1]
    # more keypoints than prompts: the cheapest ones get them
    assert match_prompts(np.array([[3.0, 1, 2]])).tolist() == [-1, 0, -1]


def test_select():
    points = np.array([[1, 2], [3, 4]])
    chosen = select_prompts(points, np.array([1, -1, 0]), np.nan)
    np.testing.assert_array_equal(chosen, [[3, 4], [np.nan, np.nan], [1, 2]])
    assert select_prompts(np.array([0.5, 0.7]), np.array([-1, 0]), 0.0).tolist() == [0, 0.5]
