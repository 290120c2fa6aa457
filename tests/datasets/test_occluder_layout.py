import cv2
import numpy as np
import pytest

from kpt_plugins.datasets.occluder_layout import plan_layout


def pictures():
    """A disc and a bar, BGRA."""
    disc, bar = np.zeros((40, 40, 4), np.uint8), np.zeros((12, 60, 4), np.uint8)
    cv2.circle(disc, (20, 20), 18, (9, 9, 9, 255), -1)
    bar[2:10, 2:58] = 255
    return [disc, bar]


def shares(layout, weights):
    """Covered shares, every pixel of the plan looked at."""
    height, width = weights[0].shape
    covered = np.zeros((height, width), bool)
    for item in layout:
        covered |= (
            cv2.warpAffine(pictures()[item.index][..., 3], item.matrix, (width, height)) > 127
        )
    return [weight[covered].sum() / weight.sum() for weight in weights]


def square(size=64, low=12, high=52):
    objects = np.zeros((size, size), np.float32)
    objects[low:high, low:high] = 1
    return objects, 1 - objects


@pytest.mark.parametrize(
    'goals', [((0.2, 0.4), (0.0, 0.2)), ((0.6, 0.8), (0.4, 0.6)), ((0.5, 0.55), (0.1, 0.2))]
)
def test_both_shares_are_met(goals):
    weights = square()
    for seed in range(10):
        layout = plan_layout(np.random.default_rng(seed), pictures(), weights, goals)
        for share, (low, high) in zip(shares(layout, weights), goals, strict=True):
            assert low < share < high


def test_thin_objects():
    """A bar of three pixels: most of what hides it hides its surroundings too."""
    objects = np.zeros((80, 80), np.float32)
    objects[38:41, 5:75] = 1
    weights = (objects, 1 - objects)
    goals = ((0.4, 0.6), (0.0, 0.1))
    for seed in range(5):
        layout = plan_layout(np.random.default_rng(seed), pictures(), weights, goals)
        for share, (low, high) in zip(shares(layout, weights), goals, strict=True):
            assert low < share < high


def test_weights_may_be_fractions():
    objects = np.full((40, 40), 0.25, np.float32)
    weights = (objects, 1 - objects)  # where the shares cannot differ
    layout = plan_layout(np.random.default_rng(0), pictures(), weights, ((0.4, 0.6), (0.3, 0.7)))
    first, second = shares(layout, weights)
    assert 0.4 < first < 0.6 and first == pytest.approx(second)


def test_an_empty_background_is_left_out():
    objects = np.ones((40, 40), np.float32)
    weights = (objects, np.zeros_like(objects))
    layout = plan_layout(np.random.default_rng(0), pictures(), weights, ((0.4, 0.6), (0.3, 0.7)))
    covered = np.zeros((40, 40), bool)
    for item in layout:
        covered |= cv2.warpAffine(pictures()[item.index][..., 3], item.matrix, (40, 40)) > 127
    assert 0.4 < covered.mean() < 0.6


def test_goals_that_contradict_each_other_stay_below_the_upper_ends():
    weights = (np.full((40, 40), 0.5, np.float32),) * 2
    layout = plan_layout(np.random.default_rng(0), pictures(), weights, ((0.6, 0.8), (0.0, 0.2)))
    assert max(shares(layout, weights)) < 0.2


def test_follows_from_its_random_numbers():
    first, again, other = (
        plan_layout(np.random.default_rng(seed), pictures(), square(), ((0.4, 0.6), (0.2, 0.4)))
        for seed in (1, 1, 2)
    )
    assert [item.index for item in first] == [item.index for item in again]
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.matrix, two.matrix)
    assert (first[0].matrix != other[0].matrix).any()
