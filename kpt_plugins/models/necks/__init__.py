"""Necks."""

from .top_down_pyramid import TopDownPyramid

__all__ = ['TopDownPyramid']
