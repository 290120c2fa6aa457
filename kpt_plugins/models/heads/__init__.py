"""Heads."""

from .fmmp_head import FMMPHead
from .incremental_heatmap_head import IncrementalHeatmapHead

__all__ = ['FMMPHead', 'IncrementalHeatmapHead']
