import numpy as np
import pytest

from kpt_plugins.evaluation.functional import fit_keypoint_regression, leave_one_out
from kpt_plugins.evaluation.functional.keypoint_regression import PENALTIES


def linear_data(count=40, prompts=3, keypoints=2, bias=0.0, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(0.2, 0.8, (count, prompts, 2))
    weights = rng.normal(0, 0.4, (2 * prompts, 2 * keypoints))
    targets = (inputs.reshape(count, -1) - 0.5) @ weights + 0.5 + bias
    return inputs, targets.reshape(count, keypoints, 2), np.ones((count, keypoints), bool)


def slow_ridge(x, y, penalty):
    """Normal equations with an unpenalised bias."""
    ones = np.ones((len(x), 1))
    design = np.concatenate([x, ones], axis=1)
    ridge = penalty * len(x) * np.eye(design.shape[1])
    ridge[-1, -1] = 0
    return np.linalg.solve(design.T @ design + ridge, design.T @ y)


def test_pinv_is_exact_on_linear_data():
    inputs, targets, visible = linear_data()
    fitted = fit_keypoint_regression(inputs[:30], targets[:30], visible[:30], 'pinv')
    np.testing.assert_allclose(fitted.predict(inputs[30:]), targets[30:], atol=1e-9)


def test_pinv_has_no_bias_and_ridge_has():
    inputs, targets, visible = linear_data(count=400, bias=0.2)
    errors = {}
    for regressor in ('pinv', 'ridge'):
        fitted = fit_keypoint_regression(inputs, targets, visible, regressor)
        errors[regressor] = np.abs(fitted.predict(inputs) - targets).max()
    assert errors['pinv'] > 0.1
    assert errors['ridge'] < 0.02


def test_ridge_equals_normal_equations_with_the_best_penalty():
    rng = np.random.default_rng(3)
    inputs, targets, visible = linear_data(count=23)
    targets = targets + rng.normal(0, 0.05, targets.shape)
    fitted = fit_keypoint_regression(inputs, targets, visible)
    x, y = inputs.reshape(23, -1) - 0.5, targets.reshape(23, -1) - 0.5
    errors = []
    for penalty in PENALTIES:
        total = 0.0
        for fold in range(5):
            test = np.arange(23) % 5 == fold
            solution = slow_ridge(x[~test], y[~test], penalty)
            predicted = np.concatenate([x[test], np.ones((test.sum(), 1))], axis=1) @ solution
            total += np.linalg.norm((predicted - y[test]).reshape(-1, 2, 2), axis=-1).sum()
        errors.append(total)
    solution = slow_ridge(x, y, PENALTIES[int(np.argmin(errors))])
    expected = np.concatenate([x, np.ones((23, 1))], axis=1) @ solution + 0.5
    np.testing.assert_allclose(fitted.predict(inputs).reshape(23, -1), expected, atol=1e-9)


def test_useless_inputs_get_a_large_penalty():
    rng = np.random.default_rng(0)
    inputs = rng.uniform(0, 1, (30, 40, 2))  # more inputs than images
    targets = np.full((30, 1, 2), 0.4) + rng.normal(0, 0.1, (30, 1, 2))
    fitted = fit_keypoint_regression(inputs, targets, np.ones((30, 1), bool))
    other = rng.uniform(0, 1, (50, 40, 2))
    assert np.abs(fitted.predict(other) - 0.4).max() < 0.15
    pinv = fit_keypoint_regression(inputs, targets, np.ones((30, 1), bool), 'pinv')
    assert np.abs(pinv.predict(other) - 0.4).max() > 0.15


@pytest.mark.parametrize('regressor', ['ridge', 'pinv'])
def test_each_keypoint_is_fitted_on_the_images_that_show_it(regressor):
    inputs, targets, visible = linear_data()
    visible[::3, 0] = False
    spoilt = np.where(visible[..., None], targets, 99.0)
    one = fit_keypoint_regression(inputs, spoilt, visible, regressor)
    two = fit_keypoint_regression(
        inputs[visible[:, 0]], targets[visible[:, 0]], visible[visible[:, 0]], regressor
    )
    assert np.abs(one.predict(inputs) - targets).max() < 0.1
    if regressor == 'pinv':
        np.testing.assert_allclose(one.weights[0], two.weights[0], atol=1e-9)


def test_few_images():
    inputs, targets, visible = linear_data(count=1)
    visible[:, 1] = False
    fitted = fit_keypoint_regression(inputs, targets, visible)
    predicted = fitted.predict(np.random.default_rng(1).random((4, 3, 2)))
    np.testing.assert_allclose(predicted[:, 0], np.broadcast_to(targets[0, 0], (4, 2)))
    np.testing.assert_allclose(predicted[:, 1], 0.5)  # nobody has seen it


def test_leave_one_out_equals_a_loop():
    inputs, targets, visible = linear_data(count=9)
    visible[2, 0] = False
    found = leave_one_out(inputs, targets, visible)
    for m in range(9):
        rest = [i for i in range(9) if i != m]
        fitted = fit_keypoint_regression(inputs[rest], targets[rest], visible[rest])
        np.testing.assert_allclose(found[m], fitted.predict(inputs[[m]])[0])


def test_a_single_image_is_predicted_in_the_centre():
    inputs, targets, visible = linear_data(count=1)
    assert (leave_one_out(inputs, targets, visible) == np.full(targets.shape, 0.5)).all()


def test_unknown_regressor():
    with pytest.raises(ValueError, match="regressor must be one of .* got 'lasso'"):
        fit_keypoint_regression(*linear_data(), 'lasso')
