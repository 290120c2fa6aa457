"""Necks."""

from .feature_aggregator import FeatureAggregator
from .top_down_pyramid import TopDownPyramid
from .unet_upsample import UNetUpsampleNeck

__all__ = ['FeatureAggregator', 'TopDownPyramid', 'UNetUpsampleNeck']
