"""Datasets of annotated instances, and the episodes drawn from them."""

from . import samplers, transforms
from .category_folder_dataset import CategoryFolderDataset
from .category_pair_dataset import CategoryPairDataset
from .cephalometric_dataset import CephalometricDataset
from .checked_mpii_dataset import CheckedMpiiDataset
from .coco_keypoint_dataset import CocoKeypointDataset
from .episode_dataset import EpisodeDataset
from .keypoint_step_dataset import KeypointStepDataset
from .livestock_dataset import LivestockDataset
from .mp100_dataset import MP100Dataset
from .objectnet3d_dataset import ObjectNet3DDataset
from .occluded_pascal3d_dataset import OccludedPascal3DDataset
from .pair_collate import pair_collate
from .pascal3d_dataset import Pascal3DDataset

__all__ = [
    'CategoryFolderDataset',
    'CategoryPairDataset',
    'CephalometricDataset',
    'CheckedMpiiDataset',
    'CocoKeypointDataset',
    'EpisodeDataset',
    'KeypointStepDataset',
    'LivestockDataset',
    'MP100Dataset',
    'ObjectNet3DDataset',
    'OccludedPascal3DDataset',
    'Pascal3DDataset',
    'pair_collate',
    'samplers',
    'transforms',
]
