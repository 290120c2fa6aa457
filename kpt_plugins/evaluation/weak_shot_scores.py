"""Scores of unnamed predicted points against a category's keypoints (weak-shot, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .functional import (
    MATCHINGS,
    OKS_THRESHOLDS,
    REGRESSORS,
    average_precision,
    box_normalizer,
    fit_keypoint_regression,
    keypoint_distances,
    leave_one_out,
    match_prompts,
    matching_cost,
    object_keypoint_similarity,
    pair_pck,
    select_prompts,
)
from .pair_scores import DEFAULT_THRESHOLDS, check_thresholds

REGRESSION_INPUTS = ('all', 'matched')


@dataclass(frozen=True, eq=False)
class PromptRecord:
    """What is predicted and what is true in one image.

    Attributes:
        index: Place in the evaluation list.
        category_id, category_name, is_base, role: Of the image; role is 'fit' or 'test'.
        points: float64 (N, 2), the prompts' keypoints in pixels of the original image.
        scores: float64 (N,), their visibility.
        keypoints: float64 (K, 2), the truth in pixels of the original image.
        visible: bool (K,).
        bbox: float64 (4,) x1, y1, x2, y2 in pixels.
        image_to_crop: float64 (2, 3), to fractions of the crop.
    """

    index: int
    category_id: int
    category_name: str
    is_base: bool
    role: str
    points: np.ndarray
    scores: np.ndarray
    keypoints: np.ndarray
    visible: np.ndarray
    bbox: np.ndarray
    image_to_crop: np.ndarray

    def in_crop(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) of the image as fractions of the crop."""
        return points @ self.image_to_crop[:, :2].T + self.image_to_crop[:, 2]

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        return float(np.prod(self.bbox[2:] - self.bbox[:2]))


@dataclass(frozen=True)
class WeakShotProtocol:
    """How predictions are scored.

    Attributes:
        match: Where the assignment of prompts to keypoints comes from: 'class' (the category's
            fit images), 'class_test' (its test images), 'image' (each test image, an upper bound
            that rewards dense grids).
        regressor: 'ridge' or 'pinv'.
        regression_inputs: 'all' prompts, or the 'matched' ones.
        sigma: OKS sigma of every keypoint.
        thresholds: Of PCK, as fractions of the longest side of the box; mPCK is their mean.
        sigmas: OKS sigmas of categories that have their own, by category id: one, or one a
            keypoint.

    Raises:
        ValueError: If a value is none of these.
    """

    match: str = 'class'
    regressor: str = 'ridge'
    regression_inputs: str = 'all'
    sigma: float = 0.05
    thresholds: tuple[float, ...] = DEFAULT_THRESHOLDS
    sigmas: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in (
            ('match', MATCHINGS),
            ('regressor', REGRESSORS),
            ('regression_inputs', REGRESSION_INPUTS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f'{name}={getattr(self, name)!r}: expected one of {known}')
        if not self.sigma > 0:
            raise ValueError(f'sigma={self.sigma}: expected a positive number')
        object.__setattr__(self, 'thresholds', check_thresholds(self.thresholds))


def score_matched(
    predicted: Sequence[np.ndarray],
    scores: Sequence[float],
    records: Sequence[PromptRecord],
    protocol: WeakShotProtocol,
) -> dict[str, float]:
    """mAP, mPCK and PCK of one category from its named predictions.

    Args:
        predicted: For each image keypoints (K, 2) in its pixels, NaN for those not predicted.
        scores: Score of each image's instance.
        records: The images; those without a visible keypoint are left out.
        protocol: Thresholds and sigmas.

    Returns:
        Fractions in [0, 1].
    """
    rows = [row for row in zip(predicted, scores, records, strict=True) if row[2].visible.any()]
    similarity, right = [], []
    for points, _, record in rows:
        sigma = np.asarray(protocol.sigmas.get(record.category_id, protocol.sigma))
        similarity.append(
            object_keypoint_similarity(points, record.keypoints, record.visible, record.area, sigma)
        )
        errors = keypoint_distances(points, record.keypoints) / box_normalizer(record.bbox)
        right.append(pair_pck(errors, record.visible, protocol.thresholds))
    precision = average_precision(
        np.array(similarity), np.array([score for _, score, _ in rows]), OKS_THRESHOLDS
    )
    pck = np.mean(right, axis=0)
    named = {f'PCK@{t:g}': float(v) for t, v in zip(protocol.thresholds, pck, strict=True)}
    return dict(mAP=float(precision.mean()), mPCK=float(pck.mean()), **named)


def error_in_crop(
    predicted: np.ndarray, targets: np.ndarray, visible: np.ndarray
) -> dict[str, float]:
    """Mean distance over visible keypoints, of (M, K, 2) fractions of the crop.

    Returns:
        L2_px256, in pixels of the crop at 256 x 256, and L2_pct, in percent of its side.
    """
    distance = float(np.linalg.norm(predicted - targets, axis=-1)[visible].mean())
    return dict(L2_px256=256 * distance, L2_pct=100 * distance)


def score_category(
    records: Sequence[PromptRecord], protocol: WeakShotProtocol
) -> dict[str, float] | None:
    """Scores of one category by both protocols.

    Assignment and regression are fitted on the images of role 'fit'. With fewer than two of
    them the assignment is that of the test images and the regression leaves one test image out.

    Args:
        records: All images of the category, in any order.
        protocol: How to score.

    Returns:
        mAP, mPCK, PCK@.., L2_px256, L2_pct and num_images (tested); None without a test image
        that shows a keypoint.
    """
    records = sorted(records, key=lambda record: record.index)
    fit, test = ([r for r in records if r.role == role] for role in ('fit', 'test'))
    if not any(record.visible.any() for record in test):
        return None
    source = fit if len(fit) >= 2 and protocol.match != 'class_test' else test
    common = match_prompts(_cost(source))
    predicted, scores = [], []
    for record in test:
        own = match_prompts(_cost([record])) if protocol.match == 'image' else common
        predicted.append(select_prompts(record.points, own, np.nan))
        scores.append(float(select_prompts(record.scores, own, 0.0).mean()))
    matched = score_matched(predicted, scores, test, protocol)
    return dict(matched, **_regress(fit, test, common, protocol), num_images=len(test))


def score_mean_pose(
    records: Sequence[PromptRecord], protocol: WeakShotProtocol
) -> dict[str, float] | None:
    """As :func:`score_category`, of the mean pose in the crops of the fit images.

    It looks at no image: a method that does not beat it has learned nothing of use. With fewer
    than two fit images it is the mean pose of the test images.
    """
    records = sorted(records, key=lambda record: record.index)
    fit, test = ([r for r in records if r.role == role] for role in ('fit', 'test'))
    if not any(record.visible.any() for record in test):
        return None
    _, targets, visible = _in_crops(fit if len(fit) >= 2 else test)
    weight = visible[..., None].astype(np.float64)
    count = weight.sum(axis=0)
    pose = np.where(count > 0, (targets * weight).sum(axis=0) / np.maximum(count, 1), 0.5)
    predicted = []
    for record in test:
        matrix = record.image_to_crop
        predicted.append((pose - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T)
    _, targets, visible = _in_crops(test)
    return dict(
        score_matched(predicted, [1.0] * len(test), test, protocol),
        **error_in_crop(np.broadcast_to(pose, targets.shape), targets, visible),
        num_images=len(test),
    )


def mean_over_categories(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean of each score, each category weighing the same; num_images is the sum."""
    mean = {key: float(np.mean([s[key] for s in scores])) for key in scores[0]}
    mean['num_images'] = sum(s['num_images'] for s in scores)
    return dict(mean, num_categories=len(scores))


def _cost(records: Sequence[PromptRecord]) -> np.ndarray:
    return matching_cost(
        np.stack([record.points for record in records]),
        np.stack([record.keypoints for record in records]),
        np.stack([record.visible for record in records]),
        np.array([np.sqrt(record.area) for record in records]),
    )


def _in_crops(records: Sequence[PromptRecord]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prompts' points (M, N, 2) and keypoints (M, K, 2), fractions of the crops; visible."""
    return (
        np.stack([record.in_crop(record.points) for record in records]),
        np.stack([record.in_crop(record.keypoints) for record in records]),
        np.stack([record.visible for record in records]),
    )


def _regress(
    fit: Sequence[PromptRecord],
    test: Sequence[PromptRecord],
    assignment: np.ndarray,
    protocol: WeakShotProtocol,
) -> dict[str, float]:
    matched = assignment[assignment >= 0]
    inputs, targets, visible = _in_crops(test)
    if protocol.regression_inputs == 'matched':
        inputs = inputs[:, matched]
    if len(fit) < 2:
        predicted = leave_one_out(inputs, targets, visible, protocol.regressor)
        return error_in_crop(predicted, targets, visible)
    fit_inputs, fit_targets, fit_visible = _in_crops(fit)
    if protocol.regression_inputs == 'matched':
        fit_inputs = fit_inputs[:, matched]
    fitted = fit_keypoint_regression(fit_inputs, fit_targets, fit_visible, protocol.regressor)
    return error_in_crop(fitted.predict(inputs), targets, visible)
