"""Heads."""

from .coke_head import CoKeHead
from .correspondence_head import CorrespondenceHead
from .fmmp_head import FMMPHead
from .incremental_heatmap_head import IncrementalHeatmapHead
from .keyness_head import KeynessHead
from .prompt_heatmap_head import PromptHeatmapHead, PromptMapHead

__all__ = [
    'CoKeHead',
    'CorrespondenceHead',
    'FMMPHead',
    'IncrementalHeatmapHead',
    'KeynessHead',
    'PromptHeatmapHead',
    'PromptMapHead',
]
