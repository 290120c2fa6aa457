import numpy as np
import pytest

from kpt_plugins.evaluation.functional import pair_auc, pair_mean_error, pair_pck

THRESHOLDS = (0.05, 0.1, 0.15, 0.2)


def slow_pck(errors, mask, threshold):
    hits, total = 0, 0
    for error, scored in zip(errors, mask, strict=True):
        if scored:
            total += 1
            if error < threshold:
                hits += 1
    return hits / total if total else 0.0


@pytest.mark.parametrize('seed', range(5))
def test_against_loops(seed):
    rng = np.random.default_rng(seed)
    errors, mask = rng.uniform(0, 0.4, 17), rng.random(17) < 0.6
    expected = [slow_pck(errors, mask, t) for t in THRESHOLDS]
    assert pair_pck(errors, mask, THRESHOLDS).tolist() == expected
    curve = [slow_pck(errors, mask, i / 20) for i in range(20)]
    assert pair_auc(errors, mask) == pytest.approx(sum(curve) / 20, abs=1e-15)
    assert pair_mean_error(errors, mask) == pytest.approx(errors[mask].sum() / mask.sum())


def test_a_point_exactly_on_the_threshold_is_wrong():
    for longest_side in (20, 40, 100, 160):
        for t in THRESHOLDS:
            error = np.array([t * longest_side / longest_side, np.nextafter(t, 0)])
            assert pair_pck(error, np.array([True, False]), [t]) == 0
            assert pair_pck(error, np.array([False, True]), [t]) == 1


def test_empty_mask_scores_zero():
    errors, mask = np.zeros(3), np.zeros(3, dtype=bool)
    assert pair_pck(errors, mask, THRESHOLDS).tolist() == [0, 0, 0, 0]
    assert pair_auc(errors, mask) == 0
    assert pair_mean_error(errors, mask) == 0


def test_nan_is_wrong_not_ignored():
    assert pair_pck(np.array([np.nan, 0.0]), np.ones(2, dtype=bool), [0.2]) == 0.5


def test_perfect_prediction_has_auc_below_one():
    # Nothing is strictly closer than 0, the first of the 20 thresholds.
    assert pair_auc(np.zeros(4), np.ones(4, dtype=bool)) == pytest.approx(19 / 20)
