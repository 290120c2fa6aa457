"""Packing of one image of the weak-shot method."""

from __future__ import annotations

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import InstanceData
from mmpose.registry import TRANSFORMS
from mmpose.structures import PoseDataSample

from kpt_plugins.structures.geometry import crop_to_image_matrix


@TRANSFORMS.register_module()
class PackWeakShot(BaseTransform):
    """Pack an image of :class:`CategoryPairDataset` (weak-shot, sections 1.3 and 6.4).

    Returns a dict with ``inputs``, uint8 Tensor (3, H, W), and ``data_samples``, a
    :class:`PoseDataSample` with

    - ``gt_instances.bboxes`` (1, 4): x1, y1, x2, y2 in pixels of the original image;
    - metainfo ``category_id``, ``category_name``, ``is_base``, ``role``, ``id``, ``img_path``,
      ``input_size``, ``input_center``, ``input_scale``, ``crop_to_image`` (2, 3);
    - with labels: ``gt_instances.keypoints`` (1, K, 2) in pixels of the original image and
      ``keypoints_visible`` (1, K); ``gt_instance_labels.keypoints`` float32 Tensor (1, K, 2) as
      fractions of the crop and ``keypoints_visible`` float32 (1, K), 0 for keypoints outside the
      crop, which have no place in its maps; coordinates of invisible keypoints are 0.

    Without labels there is no keypoint in it, under no name, nor anything of the annotation.
    """

    def transform(self, results: dict) -> dict:
        """Pack one image's results."""
        rotation = results['bbox_rotation'][0] if 'bbox_rotation' in results else 0.0
        crop = (results['input_center'], results['input_scale'])
        sample = PoseDataSample(
            metainfo=dict(
                {key: results[key] for key in ('category_id', 'category_name', 'role', 'id')},
                is_base=bool(results['is_base']),
                index=results['index'],
                img_path=results['img_path'],
                input_size=results['input_size'],
                input_center=crop[0],
                input_scale=crop[1],
                crop_to_image=crop_to_image_matrix(*crop, rotation, results['input_size']),
            )
        )
        sample.gt_instances = InstanceData(bboxes=results['bbox'])
        if results['labelled']:
            self._add_labels(sample, results)
        image = np.ascontiguousarray(results['img'].transpose(2, 0, 1))
        return dict(inputs=torch.from_numpy(image), data_samples=sample)

    def _add_labels(self, sample: PoseDataSample, results: dict) -> None:
        visible = results['keypoints_visible'] > 0
        sample.gt_instances.keypoints = results['keypoints']
        sample.gt_instances.keypoints_visible = visible.astype(np.float32)
        points = results['transformed_keypoints'] / np.asarray(results['input_size'], np.float32)
        inside = visible & ((points >= 0) & (points < 1)).all(axis=-1)
        points = np.where(inside[..., None], points, 0).astype(np.float32)
        sample.gt_instance_labels = InstanceData(
            keypoints=torch.from_numpy(points),
            keypoints_visible=torch.from_numpy(inside.astype(np.float32)),
        )
