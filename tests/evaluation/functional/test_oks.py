import numpy as np
import pytest

from kpt_plugins.evaluation.functional import (
    OKS_THRESHOLDS,
    average_precision,
    object_keypoint_similarity,
)


def test_similarity_by_hand():
    target = np.zeros((3, 2))
    pred = np.array([[0.0, 0], [3, 4], [100, 100]])
    # area 100, sigma 0.05: exp(-25 / (200 * 0.01)) for the second, the third is not visible
    expected = (1 + np.exp(-12.5)) / 2
    assert object_keypoint_similarity(pred, target, [1, 1, 0], 100) == pytest.approx(expected)
    # one sigma a keypoint
    wide = object_keypoint_similarity(pred, target, [1, 1, 0], 100, [0.05, 0.5, 0.05])
    assert wide == pytest.approx((1 + np.exp(-25 / 200)) / 2)


def test_missing_prediction_counts_zero():
    pred = np.array([[np.nan, np.nan], [0, 0]])
    assert object_keypoint_similarity(pred, np.zeros((2, 2)), [1, 1], 9) == 0.5
    assert object_keypoint_similarity(pred, np.zeros((2, 2)), [0, 0], 9) == 0


def test_area_must_be_positive():
    with pytest.raises(ValueError, match='area above 0, got 0'):
        object_keypoint_similarity(np.zeros((1, 2)), np.zeros((1, 2)), [1], 0)


def slow_precision(similarity, scores, threshold):
    """Precision-recall curve as loops."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    curve, found = [], 0
    for rank, i in enumerate(order, 1):
        found += similarity[i] >= threshold
        curve.append((found / len(scores), found / rank))
    total = 0.0
    for level in range(101):
        total += max((p for r, p in curve if r >= level / 100 - 1e-12), default=0.0)
    return total / 101


def test_precision_by_hand():
    assert OKS_THRESHOLDS[0] == 0.5 and OKS_THRESHOLDS[-1] == 0.95 and len(OKS_THRESHOLDS) == 10
    # right, wrong, right: precision 1 up to recall 1/3, then 2/3 up to recall 2/3, then none
    value = average_precision([0.9, 0.1, 0.6], [3, 2, 1], [0.5])
    assert value == pytest.approx((34 * 1 + 33 * 2 / 3) / 101)
    # at its threshold a similarity is right; scores matter
    assert average_precision([0.5, 0.5], [1, 2], [0.5, 0.55]).tolist() == [1, 0]
    first = average_precision([0.9, 0.1], [2, 1], [0.5])
    last = average_precision([0.9, 0.1], [1, 2], [0.5])
    assert first == pytest.approx(51 / 101) and last == pytest.approx(51 / 202)
    assert average_precision([], [], [0.5, 0.6]).tolist() == [0, 0]


@pytest.mark.parametrize('count', [1, 2, 7, 40])
def test_precision_equals_loops(count):
    rng = np.random.default_rng(count)
    similarity, scores = rng.random(count), rng.random(count)
    np.testing.assert_allclose(
        average_precision(similarity, scores),
        [slow_precision(similarity, scores, t) for t in OKS_THRESHOLDS],
    )
