"""Evaluation: pure functions, the pairs they score, and metrics over both."""

from . import functional
from .metrics import (
    CopySupportMetric,
    EpisodeDump,
    EpisodeKeypointMetric,
    IncrementalKeypointMetric,
    PairMetric,
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
    'PairMetric',
    'PairRecord',
    'PairScores',
    'copied_support',
    'format_per_category',
    'format_scores',
    'functional',
    'load_pairs',
    'pair_record',
    'save_pairs',
    'score_pairs',
    'unique_pairs',
]
