"""Random scale and rotation of the box before the crop."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomScaleRotation(BaseTransform):
    """Scale and rotate the box by clipped normal draws (FMMP, section 1.7).

    MMPose's ``RandomBBoxTransform`` truncates instead of clipping, and shifts.

    Required keys: ``bbox_scale``. Modified: ``bbox_scale``. Added: ``bbox_rotation`` (degrees).

    Args:
        scale_std (float): The scale factor is ``1 + scale_std * N(0, 1)``, clipped to
            ``1 +- scale_std``.
        rotation_std (float): The angle is ``rotation_std * N(0, 1)`` degrees, clipped to twice
            that.
        rotation_prob (float): Chance of a rotation.
    """

    def __init__(
        self, scale_std: float = 0.15, rotation_std: float = 15.0, rotation_prob: float = 0.6
    ) -> None:
        self.scale_std = scale_std
        self.rotation_std = rotation_std
        self.rotation_prob = rotation_prob

    def transform(self, results: dict) -> dict:
        factor = np.clip(
            1 + self.scale_std * np.random.randn(), 1 - self.scale_std, 1 + self.scale_std
        )
        angle = 0.0
        if np.random.rand() < self.rotation_prob:
            limit = 2 * self.rotation_std
            angle = np.clip(self.rotation_std * np.random.randn(), -limit, limit)
        results['bbox_scale'] = results['bbox_scale'] * np.float32(factor)
        results['bbox_rotation'] = np.array([angle], np.float32)
        return results
