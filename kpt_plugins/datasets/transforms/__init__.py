"""Transforms: of one image, and of a whole episode."""

from .episode import KeypointPadding, PackEpisode, StructuralReferences
from .hide_outside_crop import HideKeypointsOutsideCrop
from .loading import LoadImageChecked
from .random_scale_rotation import RandomScaleRotation
from .select_keypoints import SelectKeypoints

__all__ = [
    'HideKeypointsOutsideCrop',
    'KeypointPadding',
    'LoadImageChecked',
    'PackEpisode',
    'RandomScaleRotation',
    'SelectKeypoints',
    'StructuralReferences',
]
