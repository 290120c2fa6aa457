import numpy as np
import pytest

from kpt_plugins.evaluation.functional import auroc, roc_curve


def loop_curve(scores, labels):
    points = [(0.0, 0.0)]
    for limit in sorted(set(scores), reverse=True):
        passed = [bool(is_right) for s, is_right in zip(scores, labels, strict=True) if s >= limit]
        wrong, right = passed.count(False), passed.count(True)
        points.append((wrong / np.sum(~labels), right / np.sum(labels)))
    return np.array(points).T


@pytest.mark.parametrize('levels', [3, 1000])
def test_equals_thresholds_one_by_one_and_has_the_area(levels):
    rng = np.random.default_rng(levels)
    labels = rng.uniform(size=80) < 0.6
    scores = np.floor(levels * (0.6 * rng.uniform(size=80) + 0.4 * labels)) / levels
    false, true = roc_curve(scores, labels)
    np.testing.assert_allclose([false, true], loop_curve(scores, labels))
    area = np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2)
    assert area == pytest.approx(auroc(scores, labels)) and 0.6 < area < 1


def test_constant_scores_give_the_diagonal():
    false, true = roc_curve(np.ones(5), np.array([1, 0, 1, 0, 0], bool))
    assert false.tolist() == true.tolist() == [0, 1]


def test_errors():
    with pytest.raises(ValueError, match=r'must be \(N,\), got \(3,\) and \(2,\)'):
        roc_curve(np.ones(3), np.ones(2, bool))
    with pytest.raises(ValueError, match='NaN'):
        roc_curve(np.array([1, np.nan]), np.array([True, False]))
    for labels in ([True, True], [False, False]):
        with pytest.raises(ValueError, match='all labels are equal'):
            roc_curve(np.arange(2), np.array(labels))
