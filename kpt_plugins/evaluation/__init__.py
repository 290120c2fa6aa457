"""Evaluation: pure functions, the pairs they score, and metrics over both."""

from . import functional
from .incremental_figure import draw_steps
from .incremental_report import format_summary, score_run, summarize_runs
from .incremental_runs import IncrementalRun, group_runs, load_run
from .metrics import (
    CopySupportMetric,
    EpisodeDump,
    EpisodeKeypointMetric,
    IncrementalKeypointMetric,
    KeypointRecords,
    MeanPoseMetric,
    PairMetric,
    VisiblePCKMetric,
    WeakShotKeypointMetric,
)
from .pair_dump import load_pairs, save_pairs
from .pair_record import PairRecord, copied_support, pair_record
from .pair_scores import DEFAULT_THRESHOLDS, PairScores, score_pairs, unique_pairs
from .score_table import format_per_category, format_scores

__all__ = [
    'DEFAULT_THRESHOLDS',
    'CopySupportMetric',
    'EpisodeDump',
    'EpisodeKeypointMetric',
    'IncrementalKeypointMetric',
    'IncrementalRun',
    'KeypointRecords',
    'MeanPoseMetric',
    'PairMetric',
    'PairRecord',
    'PairScores',
    'VisiblePCKMetric',
    'WeakShotKeypointMetric',
    'copied_support',
    'draw_steps',
    'format_per_category',
    'format_scores',
    'format_summary',
    'functional',
    'group_runs',
    'load_pairs',
    'load_run',
    'pair_record',
    'save_pairs',
    'score_pairs',
    'score_run',
    'summarize_runs',
    'unique_pairs',
]
