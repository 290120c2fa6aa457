import math

import numpy as np
import pytest

from kpt_plugins.evaluation.functional import auroc


def slow_auroc(scores, labels):
    wins = pairs = 0.0
    for s, right in zip(scores, labels, strict=True):
        for other, other_right in zip(scores, labels, strict=True):
            if right and not other_right:
                pairs += 1
                wins += 1.0 if s > other else 0.5 if s == other else 0.0
    return wins / pairs


@pytest.mark.parametrize('levels', [3, 1000])
def test_against_all_pairs(levels):
    rng = np.random.default_rng(levels)
    scores, labels = rng.integers(levels, size=60) / levels, rng.random(60) < 0.4
    assert auroc(scores, labels) == pytest.approx(slow_auroc(scores, labels), abs=1e-12)


def test_known_values():
    labels = np.array([True, True, False])
    assert auroc(np.array([0.9, 0.8, 0.1]), labels) == 1
    assert auroc(np.array([0.1, 0.2, 0.9]), labels) == 0
    assert auroc(np.ones(3), labels) == 0.5


def test_undefined_for_one_kind():
    assert math.isnan(auroc(np.array([0.1, 0.2]), np.array([True, True])))
    assert math.isnan(auroc(np.zeros(0), np.zeros(0, dtype=bool)))


def test_errors():
    with pytest.raises(ValueError, match='NaN'):
        auroc(np.array([np.nan, 1]), np.array([True, False]))
    with pytest.raises(ValueError, match='must be'):
        auroc(np.zeros(2), np.zeros(3, dtype=bool))
