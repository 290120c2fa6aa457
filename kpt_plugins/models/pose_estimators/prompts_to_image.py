"""Prompts of a crop as keypoints of the image that it was cut from."""

from __future__ import annotations

import numpy as np
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import Tensor

from kpt_plugins.structures.geometry import apply_affine, crop_to_image_matrix


def prompts_to_image(
    points: Tensor, visibility: Tensor, sample: PoseDataSample, names: Tensor | None = None
) -> InstanceData:
    """Instances in pixels of the original image.

    Args:
        points (Tensor): (N, 2), fractions of the crop.
        visibility (Tensor): (N,).
        sample (PoseDataSample): Its metainfo has ``input_size`` and ``crop_to_image``, as
            ``PackWeakShot`` makes it, or MMPose's ``input_center`` and ``input_scale``.
        names (Tensor | None): int64 (K,), the prompts of the category's keypoints; -1 for none.

    Returns:
        InstanceData: ``keypoints`` (1, N, 2), ``keypoint_scores`` and ``keypoints_visible``
        (1, N), numpy, and the boxes of ``gt_instances``; with names also ``named_keypoints``
        (1, K, 2), NaN without a prompt, and ``named_keypoint_scores`` (1, K).
    """
    meta = sample.metainfo
    size = np.asarray(meta['input_size'])
    matrix = meta.get('crop_to_image')
    if matrix is None:
        matrix = crop_to_image_matrix(meta['input_center'], meta['input_scale'], 0.0, size)
    keypoints = apply_affine(matrix, points.detach().float().cpu().numpy() * size)
    scores = visibility.detach().float().cpu().numpy()[None]
    instances = InstanceData(
        keypoints=keypoints[None], keypoint_scores=scores, keypoints_visible=scores
    )
    if names is not None:
        names = names.cpu().numpy()
        given = names >= 0
        instances.named_keypoints = np.where(given[:, None], keypoints[names], np.nan)[None]
        instances.named_keypoint_scores = np.where(given, scores[0, names], 0)[None]
    if 'gt_instances' in sample:
        instances.bboxes = sample.gt_instances.bboxes
        if 'bbox_scores' in sample.gt_instances:
            instances.bbox_scores = sample.gt_instances.bbox_scores
    return instances
