"""Losses: pure functions of tensors and thin registered modules over them."""

from .coke_contrastive import CoKeContrastiveLoss
from .distillation import (
    ChannelDistillationLoss,
    HeatmapL2DistillationLoss,
    SpatialDistillationLoss,
)
from .keypoint_cross_entropy_loss import KeypointCrossEntropyLoss
from .keypoint_l1_loss import KeypointL1Loss, keypoint_l1_loss
from .pseudo_label import PseudoLabelLoss
from .uniformity import UniformityLoss

__all__ = [
    'ChannelDistillationLoss',
    'CoKeContrastiveLoss',
    'HeatmapL2DistillationLoss',
    'KeypointCrossEntropyLoss',
    'KeypointL1Loss',
    'PseudoLabelLoss',
    'SpatialDistillationLoss',
    'UniformityLoss',
    'keypoint_l1_loss',
]
