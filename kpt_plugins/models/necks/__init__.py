"""Necks."""

from .top_down_pyramid import TopDownPyramid
from .unet_upsample import UNetUpsampleNeck

__all__ = ['TopDownPyramid', 'UNetUpsampleNeck']
