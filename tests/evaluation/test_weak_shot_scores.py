from dataclasses import replace

import numpy as np
import pytest

from kpt_plugins.evaluation.weak_shot_scores import (
    PromptRecord,
    WeakShotProtocol,
    mean_over_categories,
    score_category,
    score_matched,
    score_mean_pose,
)


def record(index, role='test', points=None, keypoints=None, visible=None, scores=None, **kwargs):
    """A box of 80 x 100 pixels in a crop of 100 x 100 whose upper left corner is at (20, 10)."""
    rng = np.random.default_rng(index)
    keypoints = rng.uniform(40, 90, (3, 2)) if keypoints is None else np.asarray(keypoints, float)
    points = np.concatenate([keypoints[::-1], [[30.0, 30.0]]]) if points is None else points
    return PromptRecord(
        index=index,
        category_id=kwargs.pop('category_id', 7),
        category_name='elk',
        is_base=kwargs.pop('is_base', False),
        role=role,
        points=np.asarray(points, float),
        scores=np.full(len(points), 0.5) if scores is None else np.asarray(scores, float),
        keypoints=keypoints,
        visible=np.ones(len(keypoints), bool) if visible is None else np.asarray(visible, bool),
        bbox=np.array([20.0, 10, 100, 110]),
        image_to_crop=np.array([[0.01, 0, -0.2], [0, 0.01, -0.1]]),
    )


def records(fit=8, test=5, **kwargs):
    roles = ['fit'] * fit + ['test'] * test
    return [record(i, role, **kwargs) for i, role in enumerate(roles)]


def test_perfect_prompts_in_another_order():
    scores = score_category(records(), WeakShotProtocol())
    assert scores['mAP'] == scores['mPCK'] == scores['PCK@0.05'] == 1
    assert scores['num_images'] == 5
    assert scores['L2_pct'] == pytest.approx(scores['L2_px256'] / 2.56)
    # linear, but with a penalty
    assert score_category(records(60), WeakShotProtocol())['L2_px256'] < 8
    exact = score_category(records(30), WeakShotProtocol(regressor='pinv'))
    assert exact['L2_px256'] == pytest.approx(0, abs=1e-6)


def test_pck_by_hand():
    """The longest side is 100: errors of 4, 8 and 30 pixels are right from 5 % and 10 % on."""
    keypoints = np.array([[40.0, 40], [60, 60], [80, 80]])
    fit = [record(i, 'fit', points=keypoints, keypoints=keypoints) for i in range(3)]
    off = keypoints + [[4, 0], [0, 8], [30, 0]]
    test = [record(5, points=off, keypoints=keypoints)]
    scores = score_category(fit + test, WeakShotProtocol())
    assert scores['PCK@0.05'] == pytest.approx(1 / 3)
    assert scores['PCK@0.1'] == scores['PCK@0.2'] == pytest.approx(2 / 3)
    assert scores['mPCK'] == pytest.approx((1 / 3 + 3 * 2 / 3) / 4)
    # OKS: area 8000, so exp(-d^2 / (16000 * 0.01))
    similarity = np.mean([np.exp(-16 / 160), np.exp(-64 / 160), np.exp(-900 / 160)])
    reached = [similarity >= t for t in np.arange(0.5, 0.96, 0.05)]
    assert scores['mAP'] == pytest.approx(np.mean(reached))
    wide = score_category(fit + test, WeakShotProtocol(sigmas={7: [0.05, 0.05, 5]}))
    assert wide['mAP'] > scores['mAP']


def test_assignment_comes_from_the_fit_images():
    keypoints = np.array([[40.0, 40], [80, 80]])
    fit = [record(i, 'fit', points=keypoints, keypoints=keypoints) for i in range(3)]
    swapped = [record(5 + i, points=keypoints[::-1], keypoints=keypoints) for i in range(3)]
    expected = {'class': 0, 'class_test': 1, 'image': 1}
    for match, value in expected.items():
        assert score_category(fit + swapped, WeakShotProtocol(match))['mPCK'] == value
    # per image is an upper bound: each image may have its own
    mixed = swapped[:2] + [record(9, points=keypoints, keypoints=keypoints)]
    found = {m: score_category(mixed, WeakShotProtocol(m))['mPCK'] for m in expected}
    assert found == {'class': pytest.approx(2 / 3), 'class_test': pytest.approx(2 / 3), 'image': 1}


def test_order_and_invisible_keypoints_do_not_matter():
    base = records(10)
    rng = np.random.default_rng(0)
    noisy = [replace(r, points=r.points + rng.normal(0, 4, r.points.shape)) for r in base]
    expected = score_category(noisy, WeakShotProtocol())
    shuffled = [noisy[i] for i in rng.permutation(len(noisy))]
    assert score_category(shuffled, WeakShotProtocol()) == expected
    # a keypoint that nobody sees is padding
    padded = [
        replace(
            r,
            keypoints=np.concatenate([r.keypoints, [[999.0, -3]]]),
            visible=np.append(r.visible, False),
        )
        for r in noisy
    ]
    scores = score_category(padded, WeakShotProtocol(regression_inputs='matched'))
    without = score_category(noisy, WeakShotProtocol(regression_inputs='matched'))
    assert scores == pytest.approx(without)


def test_prompts_permuted_give_the_same_scores():
    rng = np.random.default_rng(1)
    base = [
        replace(r, points=r.points + rng.normal(0, 5, (4, 2)), scores=rng.random(4))
        for r in records(10)
    ]
    order = rng.permutation(4)
    other = [replace(r, points=r.points[order], scores=r.scores[order]) for r in base]
    for protocol in (WeakShotProtocol(), WeakShotProtocol('image', 'pinv')):
        assert score_category(other, protocol) == pytest.approx(score_category(base, protocol))


def test_instances_are_ranked_by_the_assigned_prompts():
    keypoints = np.array([[40.0, 40], [80, 80]])
    spare = np.concatenate([keypoints, [[20.0, 90]]])
    fit = [record(i, 'fit', points=spare, keypoints=keypoints) for i in range(3)]
    good = record(5, points=spare, keypoints=keypoints, scores=[0.9, 0.9, 0.0])
    bad = record(6, points=spare + 50, keypoints=keypoints, scores=[0.1, 0.1, 1.0])
    # the unassigned prompt's score would turn the order round
    scores = score_category([*fit, good, bad], WeakShotProtocol())
    assert scores['mAP'] == pytest.approx(51 / 101)


def test_more_keypoints_than_prompts():
    rows = [record(i, role, points=[[45.0, 45]]) for i, role in enumerate(['fit'] * 3 + ['test'])]
    scores = score_category(rows, WeakShotProtocol())
    assert 0 <= scores['mPCK'] <= 1 / 3 and np.isfinite(scores['L2_px256'])


@pytest.mark.parametrize('fit', [0, 1])
def test_few_fit_images(fit):
    scores = score_category(records(fit, 20), WeakShotProtocol(regressor='pinv'))
    assert scores['mPCK'] == 1 and scores['L2_px256'] == pytest.approx(0, abs=1e-6)


def test_nothing_annotated():
    blind = [record(i, visible=[0, 0, 0]) for i in range(3)]
    assert score_category(blind, WeakShotProtocol()) is None
    assert score_mean_pose(blind, WeakShotProtocol()) is None
    # one that is not annotated does not count
    mixed = [*records(4, 3), record(50, visible=[0, 0, 0])]
    assert score_category(mixed, WeakShotProtocol())['mPCK'] == 1


def test_mean_pose_by_hand():
    """Keypoints at 40 and 60 in two fit crops: the mean is at 50, 10 pixels off in a test image."""
    fit = [record(i, 'fit', keypoints=[[x, 50.0]]) for i, x in enumerate((40, 60))]
    test = [record(5, keypoints=[[60.0, 50.0]])]
    scores = score_mean_pose(fit + test, WeakShotProtocol())
    assert scores['L2_px256'] == pytest.approx(25.6) and scores['L2_pct'] == pytest.approx(10)
    assert scores['PCK@0.05'] == 0 and scores['PCK@0.15'] == 1
    assert score_mean_pose(test, WeakShotProtocol())['L2_pct'] == 0


def test_mean_pose_ignores_predictions_and_hidden_keypoints():
    rows = records(6)
    expected = score_mean_pose(rows, WeakShotProtocol())
    moved = [replace(r, points=r.points + 30) for r in rows]
    assert score_mean_pose(moved, WeakShotProtocol()) == expected
    hidden = record(60, 'fit', keypoints=[[900.0, 900]] * 3, visible=[0, 0, 0])
    assert score_mean_pose([*rows, hidden], WeakShotProtocol()) == expected


def test_mean_over_categories():
    mean = mean_over_categories([dict(a=1.0, num_images=3), dict(a=0.0, num_images=1)])
    assert mean == dict(a=0.5, num_images=4, num_categories=2)


def test_missing_prediction_is_wrong():
    row = record(1)
    scores = score_matched([np.full((3, 2), np.nan)], [1.0], [row], WeakShotProtocol())
    assert scores['mAP'] == scores['mPCK'] == 0


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(match='none'), "match='none': expected one of"),
        (dict(regressor='svm'), "regressor='svm'"),
        (dict(regression_inputs='x'), "regression_inputs='x'"),
        (dict(sigma=0), 'sigma=0: expected a positive'),
        (dict(thresholds=()), 'thresholds must be'),
    ],
)
def test_protocol_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        WeakShotProtocol(**kwargs)
