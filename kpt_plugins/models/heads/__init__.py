"""Heads."""

from .coke_head import CoKeHead
from .fmmp_head import FMMPHead
from .incremental_heatmap_head import IncrementalHeatmapHead

__all__ = ['CoKeHead', 'FMMPHead', 'IncrementalHeatmapHead']
