"""Datasets of annotated instances, and the episodes drawn from them."""

from . import transforms
from .cephalometric_dataset import CephalometricDataset
from .coco_keypoint_dataset import CocoKeypointDataset
from .episode_dataset import EpisodeDataset
from .keypoint_step_dataset import KeypointStepDataset
from .livestock_dataset import LivestockDataset
from .mp100_dataset import MP100Dataset

__all__ = [
    'CephalometricDataset',
    'CocoKeypointDataset',
    'EpisodeDataset',
    'KeypointStepDataset',
    'LivestockDataset',
    'MP100Dataset',
    'transforms',
]
