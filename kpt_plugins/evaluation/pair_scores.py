"""From scored pairs to the numbers of a results table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .functional import (
    GIVEN_RULES,
    auroc,
    box_normalizer,
    keypoint_distances,
    pair_auc,
    pair_mean_error,
    pair_pck,
)
from .pair_record import PairRecord

DEFAULT_THRESHOLDS = (0.05, 0.1, 0.15, 0.2)
CONFIDENCE_THRESHOLD = 0.1


@dataclass
class PairScores:
    """Scores over an evaluation list.

    Attributes:
        thresholds: what mPCK is the mean over; publications differ, so it goes with every number.
        overall: flat scores, fractions except ``EPE`` (pixels) and the counts.
        per_category: the same scores for each category id.
        category_names: name of each category id.
    """

    thresholds: tuple[float, ...]
    overall: dict[str, float] = field(default_factory=dict)
    per_category: dict[int, dict[str, float]] = field(default_factory=dict)
    category_names: dict[int, str] = field(default_factory=dict)


def check_thresholds(thresholds: Sequence[float]) -> tuple[float, ...]:
    """Thresholds as a tuple.

    Raises:
        ValueError: if there are none, one is repeated or not a positive number.
    """
    values = tuple(float(value) for value in thresholds)
    if not values or len(set(values)) < len(values) or not all(0 < v < np.inf for v in values):
        raise ValueError(
            'thresholds must be distinct positive fractions of the box, such as '
            f'{DEFAULT_THRESHOLDS}, got {tuple(thresholds)}'
        )
    return values


def unique_pairs(records: Sequence[PairRecord]) -> list[PairRecord]:
    """One record a pair, in the order of the evaluation list.

    Distributed samplers repeat some pairs so that all ranks have equally many. Only
    ``pair_index`` tells a repetition from the same query in another episode. The fixed order also
    makes sums, and so the scores, the same to the last digit for any number of ranks.
    """
    first = {}
    for record in records:
        first.setdefault(record.pair_index, record)
    return [first[index] for index in sorted(first)]


def score_pairs(
    records: Sequence[PairRecord],
    thresholds: Sequence[float] = DEFAULT_THRESHOLDS,
    given: str = 'any',
) -> PairScores:
    """Score every pair and take the mean over pairs, overall and for each category.

    It is a mean over pairs, not over keypoints: a pair with few visible keypoints weighs as much
    as one with many, and a pair with none to score counts as 0 (POMNet's and FMMP's evaluation).

    Args:
        records: pairs without repetitions, see :func:`unique_pairs`.
        thresholds: fractions of the longest side of the query's cleaned box.
        given: support rule of :func:`evaluation_mask`.

    Returns:
        For all pairs and each category ``PCK@t`` for every threshold, ``mPCK`` their mean,
        ``AUC``, ``NME``, ``EPE``, ``num_pairs`` and ``num_empty_pairs``; overall besides
        ``confidence_auroc@0.1``, how well the confidence separates keypoints with an error below
        0.1 from the others, pooled over all scored keypoints (left out without confidences).

    Raises:
        ValueError: if there is no pair, or for bad thresholds, rule or boxes.
    """
    thresholds = check_thresholds(thresholds)
    if given not in GIVEN_RULES:
        raise ValueError(f"given must be one of {GIVEN_RULES}, got '{given}'")
    if not records:
        raise ValueError('there is no pair to evaluate')
    rows, confidences, right = [], [], []
    for record in records:
        distances = keypoint_distances(record.pred, record.target)
        errors = distances / box_normalizer(record.bbox)
        mask = record.mask(given)
        rows.append(
            [
                *pair_pck(errors, mask, thresholds),
                pair_auc(errors, mask),
                pair_mean_error(errors, mask),
                pair_mean_error(distances, mask),
                not mask.any(),
            ]
        )
        confidences.append(record.scores[mask])
        right.append(errors[mask] < CONFIDENCE_THRESHOLD)
    table = np.array(rows, dtype=np.float64)
    result = PairScores(thresholds, overall=_summary(table, thresholds))
    confidence = np.concatenate(confidences)
    if confidence.size and not np.isnan(confidence).any():
        key = f'confidence_auroc@{CONFIDENCE_THRESHOLD:g}'
        result.overall[key] = auroc(confidence, np.concatenate(right))
    category_ids = np.array([record.category_id for record in records])
    for record in records:
        result.category_names.setdefault(record.category_id, record.category_name)
    for category_id in sorted(result.category_names):
        result.per_category[category_id] = _summary(table[category_ids == category_id], thresholds)
    return result


def _summary(table: np.ndarray, thresholds: tuple[float, ...]) -> dict[str, float]:
    num = len(thresholds)
    mean = table.mean(axis=0)
    scores = {f'PCK@{t:g}': float(value) for t, value in zip(thresholds, mean[:num], strict=True)}
    scores['mPCK'] = float(mean[:num].mean())
    scores['AUC'], scores['NME'], scores['EPE'] = map(float, mean[num : num + 3])
    scores['num_pairs'] = float(len(table))
    scores['num_empty_pairs'] = float(table[:, num + 3].sum())
    return scores
