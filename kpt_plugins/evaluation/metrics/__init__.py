"""Metrics for MMEngine's evaluator, thin classes over pure functions."""

from .copy_support_metric import CopySupportMetric
from .episode_dump import EpisodeDump
from .episode_keypoint_metric import EpisodeKeypointMetric, PairMetric
from .incremental_keypoint_metric import IncrementalKeypointMetric
from .visible_pck import KeypointRecords, VisiblePCKMetric
from .weak_shot_keypoint_metric import MeanPoseMetric, WeakShotKeypointMetric

__all__ = [
    'CopySupportMetric',
    'EpisodeDump',
    'EpisodeKeypointMetric',
    'IncrementalKeypointMetric',
    'KeypointRecords',
    'MeanPoseMetric',
    'PairMetric',
    'VisiblePCKMetric',
    'WeakShotKeypointMetric',
]
