"""Losses: pure functions of tensors and thin registered modules over them."""

from .keypoint_cross_entropy_loss import KeypointCrossEntropyLoss
from .keypoint_l1_loss import KeypointL1Loss, keypoint_l1_loss

__all__ = ['KeypointCrossEntropyLoss', 'KeypointL1Loss', 'keypoint_l1_loss']
