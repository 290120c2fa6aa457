import math

import numpy as np
import pytest

from kpt_plugins.evaluation.functional import (
    a_mre,
    aaa,
    average_accuracy,
    average_transfer,
    final_old_new_all,
    forgetting,
    maximum_transfer,
    new_names,
)

# Groups: a and b, then c, then d and e; e is in no test image.
MATRIX = [
    {'a': 80.0, 'b': 60.0},
    {'a': 70.0, 'b': 65.0, 'c': 50.0},
    {'a': 90.0, 'b': 40.0, 'c': 56.0, 'd': 30.0, 'e': None},
]


def random_matrix(sizes, seed=0):
    """A dense (T+1, K) array with values on and below the staircase, and the same as rows."""
    rng = np.random.default_rng(seed)
    table = rng.uniform(0, 100, (len(sizes), sum(sizes)))
    ends = np.cumsum(sizes)
    rows = [
        {f'k{k}': table[t, k] for k in range(sum(sizes)) if k < end} for t, end in enumerate(ends)
    ]
    return table, ends, rows


def test_hand_made_matrix():
    assert new_names(MATRIX) == [['a', 'b'], ['c'], ['d', 'e']]
    assert average_accuracy(MATRIX, 0) == 70
    assert average_accuracy(MATRIX, 1) == pytest.approx(185 / 3)
    assert average_accuracy(MATRIX, 2) == 54
    assert aaa(MATRIX) == pytest.approx((185 / 3 + 54) / 2)
    assert aaa(MATRIX, include_base=True) == pytest.approx((70 + 185 / 3 + 54) / 3)
    assert a_mre(MATRIX) == aaa(MATRIX)
    assert average_transfer(MATRIX) == pytest.approx((-5 + 6) / 2)
    assert average_transfer(MATRIX, stepwise=True) == pytest.approx((-2.5 + (-2.5 + 6) / 2) / 2)
    assert maximum_transfer(MATRIX) == 6
    assert maximum_transfer(MATRIX, per='keypoint') == 10
    assert forgetting(MATRIX) == pytest.approx((-10 + 25 - 6) / 3)
    assert final_old_new_all(MATRIX) == {'old': 62.0, 'new': 30.0, 'all': 54.0}


def test_errors_turn_the_signs():
    assert average_transfer(MATRIX, lower_is_better=True) == pytest.approx(-0.5)
    assert average_transfer(MATRIX, True, lower_is_better=True) == pytest.approx(0.375)
    assert maximum_transfer(MATRIX, lower_is_better=True) == 5
    assert maximum_transfer(MATRIX, 'keypoint', lower_is_better=True) == 20
    # Best (lowest) earlier values: a 70, b 60, c 50.
    assert forgetting(MATRIX, lower_is_better=True) == pytest.approx((20 - 20 + 6) / 3)
    assert a_mre(MATRIX) > 0


@pytest.mark.parametrize('sizes', [(8, 4, 3, 3), (1, 1), (2, 5, 1)])
def test_against_dense_arrays(sizes):
    table, ends, rows = random_matrix(sizes)
    last, starts = len(sizes) - 1, [0, *ends[:-1]]
    means = [table[t, : ends[t]].mean() for t in range(last + 1)]
    assert aaa(rows) == pytest.approx(np.mean(means[1:]))
    assert aaa(rows, include_base=True) == pytest.approx(np.mean(means))
    groups = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
    gains = [table[last, g].mean() - table[t, g].mean() for t, g in enumerate(groups[:-1])]
    assert average_transfer(rows) == pytest.approx(np.mean(gains))
    assert maximum_transfer(rows) == pytest.approx(max(gains))
    single, lost, by_step = [], [], []
    for t in range(1, last + 1):
        steps = [table[t, g].mean() - table[t - 1, g].mean() for g in groups[:t]]
        by_step.append(np.mean(steps))
    for k in range(ends[last - 1]):
        born = next(t for t in range(last + 1) if k < ends[t])
        single.append(table[last, k] - table[born, k])
        lost.append(table[born:last, k].max() - table[last, k])
    assert average_transfer(rows, stepwise=True) == pytest.approx(np.mean(by_step))
    assert maximum_transfer(rows, per='keypoint') == pytest.approx(max(single))
    assert forgetting(rows) == pytest.approx(np.mean(lost))


def test_both_transfers_agree_for_one_step():
    _, _, rows = random_matrix((4, 3))
    assert average_transfer(rows) == pytest.approx(average_transfer(rows, stepwise=True))


def test_groups_weigh_the_same_whatever_their_size():
    rows = [
        {'a': 10.0, 'b': 10.0, 'c': 10.0},
        {'a': 10.0, 'b': 10.0, 'c': 10.0, 'd': 0.0},
        {'a': 14.0, 'b': 14.0, 'c': 14.0, 'd': 8.0, 'e': 1.0},
    ]
    assert average_transfer(rows) == 6


@pytest.mark.parametrize('nothing', [None, math.nan])
def test_keypoints_without_value_are_left_out(nothing):
    rows = [{'a': 50.0, 'b': nothing}, {'a': 40.0, 'b': nothing, 'c': nothing}]
    assert aaa(rows) == 40
    assert average_transfer(rows) == -10
    assert maximum_transfer(rows) == maximum_transfer(rows, per='keypoint') == -10
    assert forgetting(rows) == 10
    final = final_old_new_all(rows)
    assert final['old'] == final['all'] == 40 and math.isnan(final['new'])


def test_group_without_any_value():
    rows = [
        {'a': None},
        {'a': None, 'b': 20.0},
        {'a': None, 'b': 30.0, 'c': 10.0},
    ]
    assert average_transfer(rows) == maximum_transfer(rows) == 10
    assert average_transfer(rows, stepwise=True) == 10
    unseen = [{'a': None}, {'a': None, 'b': None}]
    for score in (aaa, average_transfer, maximum_transfer, forgetting):
        assert math.isnan(score(unseen))


@pytest.mark.parametrize(
    'score', [aaa, a_mre, average_transfer, maximum_transfer, forgetting, final_old_new_all]
)
def test_base_step_alone_is_refused(score):
    with pytest.raises(ValueError, match='need a step after the base step, got 1'):
        score(MATRIX[:1])


def test_wrong_matrices():
    with pytest.raises(ValueError, match='no step'):
        new_names([])
    with pytest.raises(ValueError, match=r"step 1 has no value of \['b'\]"):
        average_transfer([{'a': 1.0, 'b': 1.0}, {'a': 1.0, 'c': 1.0}])
    with pytest.raises(ValueError, match=r"step 1 adds no keypoint to \['a'\]"):
        forgetting([{'a': 1.0}, {'a': 2.0}])
    with pytest.raises(ValueError, match="'group' or 'keypoint', got 'joint'"):
        maximum_transfer(MATRIX, per='joint')
