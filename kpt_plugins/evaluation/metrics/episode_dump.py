"""Keep the predictions of an evaluation run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from ..functional import GIVEN_RULES
from ..pair_dump import save_pairs
from ..pair_record import PairRecord, copied_support, pair_record
from .episode_keypoint_metric import PairMetric


@dataclass(frozen=True)
class _Predictions:
    pair_index: int
    model: PairRecord
    copy_baseline: PairRecord


@METRICS.register_module()
class EpisodeDump(PairMetric):
    """Writes all pairs with the model's and the copied keypoints; adds no score.

    ``tools/analysis/rescore.py`` scores the file again, with other thresholds or another support
    rule, without the model and the images.

    Args:
        out_file: ``.npz`` file to write.
        given: the rule that the run's metrics score by, the one that the file is scored by again
            where nothing else is said; see :class:`EpisodeKeypointMetric`.
        collect_device: see :class:`mmengine.evaluator.BaseMetric`.
        collect_dir: see :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: if the file does not end in ``.npz``, or for an unknown rule.
    """

    default_prefix = 'dump'

    def __init__(
        self,
        out_file: str,
        given: str | None = None,
        collect_device: str = 'cpu',
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, collect_dir=collect_dir)
        if not str(out_file).endswith('.npz'):
            raise ValueError(f'a dump of predictions must end in .npz, got {out_file}')
        if given not in (None, *GIVEN_RULES):
            raise ValueError(f"given must be one of {GIVEN_RULES}, got '{given}'")
        self.out_file = str(out_file)
        self.given = given

    def record(self, data_sample: Mapping[str, Any]) -> _Predictions:
        """The pair with both predictions."""
        model = pair_record(data_sample)
        copied = model.with_prediction(copied_support(data_sample))
        return _Predictions(model.pair_index, model, copied)

    def evaluate_pairs(self, pairs: list[_Predictions]) -> dict[str, float]:
        """Write the file."""
        save_pairs(
            self.out_file,
            {
                'model': [pair.model for pair in pairs],
                'copy_baseline': [pair.copy_baseline for pair in pairs],
            },
            self.given,
        )
        MMLogger.get_current_instance().info(f'predictions written to {self.out_file}')
        return {}
