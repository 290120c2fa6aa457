"""Linear regression from predicted points to annotated keypoints (weak-shot, section 4.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

REGRESSORS = ('ridge', 'pinv')
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
CENTRE = 0.5  # of the crop


@dataclass(frozen=True, eq=False)
class KeypointRegression:
    """A linear map for each keypoint.

    Attributes:
        weights: ``array (K, D, 2)``.
        bias: ``array (K, 2)``.
    """

    weights: np.ndarray
    bias: np.ndarray

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Keypoints ``(M, K, 2)`` for inputs ``(M, D)``, both fractions of the crop."""
        return np.einsum('md,kdc->mkc', _flat(inputs) - CENTRE, self.weights) + self.bias + CENTRE


def fit_keypoint_regression(
    inputs: np.ndarray,
    targets: np.ndarray,
    visible: np.ndarray,
    regressor: str = 'ridge',
    num_folds: int = 5,
) -> KeypointRegression:
    """Fit each keypoint on the images that show it.

    Args:
        inputs: ``array (M, N, 2)`` or ``(M, D)``, fractions of the crop.
        targets: ``array (M, K, 2)``, fractions of the crop.
        visible: ``bool array (M, K)``.
        regressor: ``'pinv'``: coordinates centred by -0.5, no bias, least squares by the pseudo
            inverse, as StableKeypoints does. ``'ridge'``: with a bias, and a penalty of M times
            one of ``PENALTIES``, the one with the lowest error over ``num_folds`` folds (image m
            is of fold m modulo their number).
        num_folds: Folds; with fewer images, as many as images.

    Returns:
        The maps. A keypoint that no image shows is always in the centre of the crop.

    Raises:
        ValueError: For another regressor.
    """
    if regressor not in REGRESSORS:
        raise ValueError(f'regressor must be one of {REGRESSORS}, got {regressor!r}')
    inputs = _flat(inputs) - CENTRE
    targets = np.asarray(targets, np.float64) - CENTRE
    visible = np.asarray(visible, dtype=bool)
    if regressor == 'pinv':
        return _fit(inputs, targets, visible, None)[0]
    penalty = PENALTIES.index(_best_penalty(inputs, targets, visible, num_folds))
    return _fit(inputs, targets, visible, PENALTIES)[penalty]


def leave_one_out(
    inputs: np.ndarray, targets: np.ndarray, visible: np.ndarray, regressor: str = 'ridge'
) -> np.ndarray:
    """Keypoints ``(M, K, 2)`` of each image by the regression fitted on all others.

    A single image has no others: its keypoints are in the centre of the crop, as those that no
    image shows.
    """
    inputs, targets, visible = _flat(inputs), np.asarray(targets), np.asarray(visible)
    if len(inputs) == 1:
        return np.full(targets.shape, CENTRE)
    predictions = []
    for m in range(len(inputs)):
        rest = np.arange(len(inputs)) != m
        fitted = fit_keypoint_regression(inputs[rest], targets[rest], visible[rest], regressor)
        predictions.append(fitted.predict(inputs[m : m + 1])[0])
    return np.stack(predictions)


def _best_penalty(
    inputs: np.ndarray, targets: np.ndarray, visible: np.ndarray, num_folds: int
) -> float:
    """The penalty with the lowest mean error of held-out visible keypoints."""
    num_folds = min(num_folds, len(inputs))
    if num_folds < 2:
        return PENALTIES[-1]
    fold = np.arange(len(inputs)) % num_folds
    errors = np.zeros(len(PENALTIES))
    for held_out in range(num_folds):
        rest, test = fold != held_out, fold == held_out
        for i, fitted in enumerate(_fit(inputs[rest], targets[rest], visible[rest], PENALTIES)):
            predicted = fitted.predict(inputs[test] + CENTRE) - CENTRE
            errors[i] += np.linalg.norm(predicted - targets[test], axis=-1)[visible[test]].sum()
    return PENALTIES[int(errors.argmin())]


def _fit(
    inputs: np.ndarray, targets: np.ndarray, visible: np.ndarray, penalties: tuple | None
) -> list[KeypointRegression]:
    """One regression for each penalty; None: a single one, least squares without bias.

    Keypoints seen in the same images share one singular value decomposition.
    """
    count = 1 if penalties is None else len(penalties)
    weights = np.zeros((count, targets.shape[1], inputs.shape[1], 2))
    bias = np.zeros((count, targets.shape[1], 2))
    patterns, pattern_of = np.unique(visible, axis=1, return_inverse=True)
    for number, shown in enumerate(patterns.T):
        keypoints = np.flatnonzero(pattern_of.reshape(-1) == number)
        if not shown.any():
            continue
        x, y = inputs[shown], targets[shown][:, keypoints].reshape(shown.sum(), -1)
        if penalties is None:
            solutions = [np.linalg.pinv(x) @ y]
            mean_x, mean_y = np.zeros(x.shape[1]), np.zeros(y.shape[1])
        else:
            mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
            left, values, right = np.linalg.svd(x - mean_x, full_matrices=False)
            coordinates = left.T @ (y - mean_y)
            shrunk = [values / (values**2 + p * len(x)) for p in penalties]
            solutions = [right.T @ (s[:, None] * coordinates) for s in shrunk]
        for i, solution in enumerate(solutions):
            by_keypoint = solution.reshape(x.shape[1], len(keypoints), 2)
            weights[i, keypoints] = by_keypoint.transpose(1, 0, 2)
            bias[i, keypoints] = (mean_y - mean_x @ solution).reshape(-1, 2)
    return [KeypointRegression(w, b) for w, b in zip(weights, bias, strict=True)]


def _flat(inputs: np.ndarray) -> np.ndarray:
    inputs = np.asarray(inputs, dtype=np.float64)
    return inputs.reshape(len(inputs), -1)
