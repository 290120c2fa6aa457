"""PCK of few-shot keypoint predictions, a mean over (support set, query) pairs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from ..functional import GIVEN_RULES
from ..pair_record import PairRecord, pair_record
from ..pair_scores import (
    DEFAULT_THRESHOLDS,
    PairScores,
    check_thresholds,
    score_pairs,
    unique_pairs,
)
from ..score_table import format_per_category


class PairMetric(BaseMetric):
    """Base of metrics that collect one :class:`PairRecord` a pair over all ranks.

    Subclasses say what the record is (:meth:`record`) and what becomes of all of them
    (:meth:`evaluate_pairs`).
    """

    _expected_pairs: int | None = None

    def record(self, data_sample: Mapping[str, Any]) -> Any:
        """What to keep of one predicted data sample; must have ``pair_index``."""
        return pair_record(data_sample)

    def evaluate_pairs(self, pairs: list[Any]) -> dict[str, float]:
        """Turn all pairs, each once and in the order of the evaluation list, into scores."""
        raise NotImplementedError

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the records of one batch."""
        self.results.extend(self.record(sample) for sample in data_samples)

    def evaluate(self, size: int) -> dict:
        """Collect the pairs of all ranks and evaluate them.

        The base class cuts the collected list to ``size``, which drops real pairs unless ranks
        take turns exactly as MMEngine's ``DefaultSampler`` lets them. Here everything is
        collected, and ``pair_index`` tells what a sampler repeated.
        """
        self._expected_pairs = size
        return super().evaluate(sys.maxsize)

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Drop repetitions, warn when pairs are missing, evaluate."""
        pairs = unique_pairs(results)
        if self._expected_pairs not in (None, len(pairs)):
            MMLogger.get_current_instance().warning(
                f'{len(pairs)} of {self._expected_pairs} pairs were evaluated: the scores are not '
                'those of the whole list (drop_last, or a sampler that skips?)'
            )
        return self.evaluate_pairs(pairs)


@METRICS.register_module()
class EpisodeKeypointMetric(PairMetric):
    """Scores of few-shot keypoint predictions as in the MP-100 literature.

    For every pair the keypoints visible in the query and given by the supports are scored. A
    keypoint is right at threshold ``t`` if it is strictly closer to the truth than ``t`` times
    the longest side of the query's cleaned box. ``PCK@t`` is the mean over pairs (one without
    any scored keypoint counts as 0) of the share of right keypoints; ``mPCK`` is its mean over
    ``thresholds``. It differs from MMPose's ``PCKAccuracy``, which pools keypoints.

    Reported besides: ``AUC``, ``NME`` (fraction of the box), ``EPE`` (pixels of the original
    image), ``confidence_auroc@0.1`` (does ``keypoint_scores`` rank right above wrong), numbers of
    all and of empty pairs. All but EPE and counts are fractions in [0, 1]. After an evaluation
    ``scores`` (main process) has everything for each category too, and the log shows it as a
    table.

    Args:
        thresholds: fractions of the box, ``(0.05, 0.1, 0.15, 0.2)`` in FMMP and MetaPoint; the
            other publications add 0.25, which raises mPCK by about 4 points.
        given: ``'any'``: a keypoint counts as given if at least one support shows it; ``'all'``:
            only if all do (the published evaluation of several shots).
        collect_device: see :class:`mmengine.evaluator.BaseMetric`.
        prefix: first part of the scores' names, ``'model'`` by default.
        collect_dir: see :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: for impossible thresholds or an unknown rule.

    Examples:
        >>> val_evaluator = [
        ...     dict(type='EpisodeKeypointMetric'),
        ...     dict(type='CopySupportMetric'),
        ... ]
    """

    default_prefix = 'model'

    def __init__(
        self,
        thresholds: Sequence[float] = DEFAULT_THRESHOLDS,
        given: str = 'any',
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        self.thresholds = check_thresholds(thresholds)
        if given not in GIVEN_RULES:
            raise ValueError(f"given must be one of {GIVEN_RULES}, got '{given}'")
        self.given = given
        self.scores: PairScores | None = None

    def evaluate_pairs(self, pairs: list[PairRecord]) -> dict[str, float]:
        """Score the pairs, keep the table and log it."""
        self.scores = score_pairs(pairs, self.thresholds, self.given)
        MMLogger.get_current_instance().info(
            f'{self.prefix}, by category:\n{format_per_category(self.scores)}'
        )
        return dict(self.scores.overall)
