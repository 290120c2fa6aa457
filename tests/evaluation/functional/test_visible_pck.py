import math

import numpy as np
import pytest

from kpt_plugins.evaluation.functional import auroc, visibility_scores


def make_arrays(seed=0, num=14, count=5):
    rng = np.random.default_rng(seed)
    errors = rng.uniform(0, 0.25, (num, count))
    annotated = rng.uniform(size=(num, count)) < 0.8
    occluded = rng.uniform(size=(num, count)) < 0.4
    errors[~annotated] = np.nan
    return errors, annotated, occluded, rng.integers(0, 6, (num, count)) / 5


def loop_scores(errors, annotated, occluded, scores, thr):
    result = {}
    for name, wanted in (('visible', False), ('occluded', True)):
        right, total, shares = 0, 0, []
        for k in range(errors.shape[1]):
            hits, seen = 0, 0
            for n in range(len(errors)):
                if annotated[n, k] and occluded[n, k] == wanted:
                    seen += 1
                    hits += bool(errors[n, k] < thr)
            right, total = right + hits, total + seen
            if seen:
                shares.append(100 * hits / seen)
        result[f'PCK_{name}'] = sum(shares) / len(shares)
        result[f'PCK_{name}_micro'] = 100 * right / total
        result[f'num_{name}'] = total
    wins, pairs = 0.0, 0
    for seen in scores[annotated & ~occluded]:
        for hidden in scores[annotated & occluded]:
            wins += 1.0 if seen > hidden else 0.5 if seen == hidden else 0.0
            pairs += 1
    result['AUROC'] = wins / pairs
    return result


@pytest.mark.parametrize('seed', range(4))
def test_equals_loops(seed):
    arrays = make_arrays(seed)
    result, expected = visibility_scores(*arrays, 0.1), loop_scores(*arrays, 0.1)
    assert result == pytest.approx(expected)
    assert result['PCK_visible'] != pytest.approx(result['PCK_visible_micro'])


def test_threshold_is_strict_and_nan_is_wrong():
    errors = np.array([[0.1, 0.0999, np.nan, 0.0]])
    result = visibility_scores(errors, np.ones((1, 4)), np.zeros((1, 4)), np.ones((1, 4)), 0.1)
    assert result['PCK_visible'] == result['PCK_visible_micro'] == 50


def test_without_occluded_keypoints_theirs_are_undefined():
    errors, annotated, occluded, scores = make_arrays()
    result = visibility_scores(errors, annotated, np.zeros_like(occluded), scores, 0.1)
    undefined = {name for name, value in result.items() if math.isnan(value)}
    assert undefined == {'PCK_occluded', 'PCK_occluded_micro', 'AUROC'}
    assert result['num_occluded'] == 0 and result['num_visible'] == annotated.sum()


def test_unannotated_keypoints_count_nowhere():
    errors, annotated, occluded, scores = make_arrays()
    before = visibility_scores(errors, annotated, occluded, scores, 0.1)
    errors[~annotated], scores[~annotated] = 0, np.nan
    occluded[~annotated] ^= True
    assert visibility_scores(errors, annotated, occluded, scores, 0.1) == before


def test_visible_is_the_right_side_of_auroc():
    scores = np.array([[0.9, 0.8, 0.1]])
    hidden = np.array([[False, False, True]])
    assert visibility_scores(scores, np.ones((1, 3)), hidden, scores, 0.1)['AUROC'] == 1
    assert auroc(scores[0], hidden[0]) == 0


def test_shapes_must_agree():
    errors, annotated, occluded, scores = make_arrays()
    with pytest.raises(ValueError, match=r'must all be \(N, K\), got .*\(14, 4\)'):
        visibility_scores(errors, annotated, occluded[:, :4], scores, 0.1)
    with pytest.raises(ValueError, match=r'must all be \(N, K\)'):
        visibility_scores(errors[0], annotated[0], occluded[0], scores[0], 0.1)
