"""The box of an object in the pixels of its crop."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix

_TOLERANCE = 0.05  # pixels of the input; float32 matrices agree to about 0.001


@TRANSFORMS.register_module()
class BoxToInput(BaseTransform):
    """Carry the corners of the box into the pixels of the model's input.

    For heads that look for keypoints inside the box only (CoKe, spec 1.4). It comes after
    ``TopdownAffine``; pass ``input_box`` on in ``meta_keys`` of ``PackPoseInputs``.

    Required keys: ``bbox`` (1, 4) x1, y1, x2, y2, ``input_center``, ``input_scale``,
    ``input_size``, and ``bbox_rotation`` where the crop is turned. Added: ``input_box``, float32
    (4, 2): the corners x, y, clockwise as seen from the box's upper left one; like keypoints
    they count from the centre of the first pixel. A turned crop has a turned box, and corners
    may lie outside the crop.

    Args:
        use_udp: as in the ``TopdownAffine`` before it.

    Raises:
        ValueError: if ``TopdownAffine`` has not run, or with another ``use_udp``.
    """

    def __init__(self, use_udp: bool = False) -> None:
        self.use_udp = use_udp

    def transform(self, results: dict) -> dict:
        """Add ``input_box``."""
        missing = [key for key in ('input_center', 'input_scale', 'bbox') if key not in results]
        if missing:
            raise ValueError(
                f'BoxToInput: the record has no {missing[0]}; expected a box, and TopdownAffine '
                f'earlier in the pipeline'
            )
        make_matrix = get_udp_warp_matrix if self.use_udp else get_warp_matrix
        rotation = results['bbox_rotation'][0] if 'bbox_rotation' in results else 0.0
        matrix = make_matrix(
            results['input_center'], results['input_scale'], rotation, results['input_size']
        )
        self._check(results, matrix)
        x1, y1, x2, y2 = np.asarray(results['bbox'], dtype=np.float64)[0]
        corners = np.array([[(x1, y1), (x2, y1), (x2, y2), (x1, y2)]])
        results['input_box'] = cv2.transform(corners, matrix)[0].astype(np.float32)
        return results

    def _check(self, results: dict, matrix: np.ndarray) -> None:
        """Where the crop is the same, the keypoints went the same way."""
        keypoints, moved = results.get('keypoints'), results.get('transformed_keypoints')
        if keypoints is None or moved is None or moved.shape != keypoints.shape:
            return
        points = np.asarray(keypoints[..., :2], dtype=np.float64)
        error = np.abs(cv2.transform(points, matrix) - moved[..., :2]).max(initial=0.0)
        if error > _TOLERANCE:
            raise ValueError(
                f'BoxToInput(use_udp={self.use_udp}): its keypoints are up to {error:.2f} pixels '
                f'away from those of TopdownAffine; expected the same use_udp in both, and no '
                f'other geometric transform between them'
            )

    def __repr__(self) -> str:
        return f'BoxToInput(use_udp={self.use_udp})'
