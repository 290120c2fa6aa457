import numpy as np
import pytest

from kpt_plugins.evaluation.functional import evaluation_mask

QUERY = np.array([True, True, True, False])
COUNT = np.array([0, 1, 2, 2])


def test_any_and_all():
    assert evaluation_mask(QUERY, COUNT, 2, 'any').tolist() == [False, True, True, False]
    assert evaluation_mask(QUERY, COUNT, 2, 'all').tolist() == [False, False, True, False]


def test_one_shot_rules_agree():
    count = np.array([0, 1, 1, 0])
    any_, all_ = (evaluation_mask(QUERY, count, 1, rule) for rule in ('any', 'all'))
    assert any_.tolist() == all_.tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    'args, message',
    [
        ((QUERY, COUNT, 2, 'some'), "got 'some'"),
        ((QUERY, COUNT[:2], 2, 'any'), 'one entry a keypoint'),
        ((QUERY, COUNT, 1, 'any'), 'do not fit 1 shots'),
        ((QUERY, -COUNT, 2, 'any'), 'do not fit'),
    ],
)
def test_errors(args, message):
    with pytest.raises(ValueError, match=message):
        evaluation_mask(*args)
