"""Transforms: of one image, and of a whole episode."""

from .box_to_input import BoxToInput
from .episode import KeypointPadding, PackEpisode, StructuralReferences
from .hide_outside_crop import HideKeypointsOutsideCrop
from .loading import LoadImageChecked
from .pack_weak_shot import PackWeakShot
from .paste_occluder import PasteOccluder
from .random_scale_rotation import RandomScaleRotation
from .select_keypoints import SelectKeypoints

__all__ = [
    'BoxToInput',
    'HideKeypointsOutsideCrop',
    'KeypointPadding',
    'LoadImageChecked',
    'PackEpisode',
    'PackWeakShot',
    'PasteOccluder',
    'RandomScaleRotation',
    'SelectKeypoints',
    'StructuralReferences',
]
