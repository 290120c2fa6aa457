"""The baseline that any few-shot method must beat: copying the support's keypoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmpose.registry import METRICS

from ..pair_record import PairRecord, copied_support, pair_record
from .episode_keypoint_metric import EpisodeKeypointMetric


@METRICS.register_module()
class CopySupportMetric(EpisodeKeypointMetric):
    """:class:`EpisodeKeypointMetric` of the supports' keypoints laid over the query's crop.

    It scores the very pairs of the model beside it, so both see the same episodes, rotation and
    visibility. Data filmed by one rig make it look good; a score means little without it.
    """

    default_prefix = 'copy_baseline'

    def record(self, data_sample: Mapping[str, Any]) -> PairRecord:
        """The pair with the copied keypoints as its prediction."""
        return pair_record(data_sample).with_prediction(copied_support(data_sample))
