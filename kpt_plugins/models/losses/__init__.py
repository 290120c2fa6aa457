"""Losses: pure functions of tensors and thin registered modules over them."""

from .coke_contrastive import CoKeContrastiveLoss
from .correspondence_consistency_loss import CorrespondenceConsistencyLoss
from .correspondence_loss import CorrespondenceLoss
from .distillation import (
    ChannelDistillationLoss,
    HeatmapL2DistillationLoss,
    SpatialDistillationLoss,
)
from .equivariance_loss import EquivarianceLoss
from .keyness_loss import KeynessLoss
from .keypoint_cross_entropy_loss import KeypointCrossEntropyLoss
from .keypoint_l1_loss import KeypointL1Loss, keypoint_l1_loss
from .localization_loss import LocalizationLoss
from .offset_guiding_loss import OffsetGuidingLoss
from .prompt_heatmap_loss import PromptHeatmapLoss
from .pseudo_label import PseudoLabelLoss
from .uniformity import UniformityLoss

__all__ = [
    'ChannelDistillationLoss',
    'CoKeContrastiveLoss',
    'CorrespondenceConsistencyLoss',
    'CorrespondenceLoss',
    'EquivarianceLoss',
    'HeatmapL2DistillationLoss',
    'KeynessLoss',
    'KeypointCrossEntropyLoss',
    'KeypointL1Loss',
    'LocalizationLoss',
    'OffsetGuidingLoss',
    'PromptHeatmapLoss',
    'PseudoLabelLoss',
    'SpatialDistillationLoss',
    'UniformityLoss',
    'keypoint_l1_loss',
]
