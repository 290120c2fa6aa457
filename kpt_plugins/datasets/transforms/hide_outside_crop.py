"""Keypoints far outside the crop become invisible."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class HideKeypointsOutsideCrop(BaseTransform):
    """The visibility rule of the literature's heatmap targets (FMMP, section 1.7).

    A keypoint whose Gaussian patch (sigma 2, radius 6) on a 64 x 64 grid over the crop lies wholly
    outside becomes invisible; points up to about a ninth of the crop outside it stay visible.

    Required keys: ``transformed_keypoints`` (1, K, 2), ``keypoints_visible`` (1, K),
    ``input_size``. Modified: ``keypoints_visible``.

    Args:
        grid_size (int): Cells of the grid along each side.
        radius (int): Half width of the patch in cells.
    """

    def __init__(self, grid_size: int = 64, radius: int = 6) -> None:
        self.grid_size = grid_size
        self.radius = radius

    def transform(self, results: dict) -> dict:
        size = np.asarray(results['input_size'])
        cell = np.trunc(results['transformed_keypoints'] * self.grid_size / size + 0.5)
        outside = (cell - self.radius >= self.grid_size) | (cell + self.radius + 1 < 0)
        visible = results['keypoints_visible'].copy()
        visible[outside.any(axis=-1)] = 0
        results['keypoints_visible'] = visible
        return results
