"""What a CoKe head reads from the samples of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor


def read_labels(
    samples: Sequence[PoseDataSample], num_keypoints: int
) -> tuple[Tensor, Tensor, Tensor]:
    """What :meth:`PrototypeCellCodec.encode` has made of the keypoints.

    Returns:
        tuple: Cells int64 (B, K, 2), positions (B, K, 2) in cells, and visible bool (B, K).

    Raises:
        ValueError: If the labels are of another number of keypoints, or made by another codec.
    """
    labels = [sample.gt_instance_labels for sample in samples]
    if 'keypoint_positions' not in labels[0]:
        raise ValueError(
            f'samples have the labels {sorted(labels[0].keys())}; expected keypoint_labels, '
            'keypoint_positions and keypoint_weights, from GenerateTarget with a '
            'PrototypeCellCodec as encoder'
        )
    cells = torch.cat([label.keypoint_labels for label in labels])
    if cells.shape[1] != num_keypoints:
        raise ValueError(
            f'samples have labels of {cells.shape[1]} keypoints; the head has '
            f'num_keypoints={num_keypoints}'
        )
    points = torch.cat([label.keypoint_positions for label in labels])
    return cells, points, torch.cat([label.keypoint_weights for label in labels]) > 0


def read_boxes(samples: Sequence[PoseDataSample], device: torch.device) -> Tensor | None:
    """Corners (B, 4, 2) of the boxes in input pixels, from the metainfo ``input_box``.

    Returns:
        Tensor | None: A sample without has a box without area, in which all cells are allowed;
        None if no sample has any.
    """
    boxes = [sample.metainfo.get('input_box') for sample in samples]
    if all(box is None for box in boxes):
        return None
    nowhere = np.zeros((4, 2), np.float32)
    boxes = [nowhere if box is None else np.reshape(box, (4, 2)) for box in boxes]
    return torch.as_tensor(np.stack(boxes), dtype=torch.float32, device=device)


def read_categories(
    samples: Sequence[PoseDataSample],
    known: Mapping[int, int],
    device: torch.device,
    default: int | None = None,
) -> Tensor:
    """Numbers int64 (B,) of the samples' categories, from the metainfo ``category_id``.

    Args:
        known (Mapping[int, int]): Number of each category id.
        default (int | None): Category id of samples that have none.

    Raises:
        ValueError: If a sample has no category id, or an unknown one.
    """
    found = [sample.metainfo.get('category_id', default) for sample in samples]
    if any(category is None for category in found):
        raise ValueError(
            'a sample has no category_id in its metainfo, which a CoKeHead of several categories '
            'needs: its record must have one, and PackPoseInputs.meta_keys name it, or '
            f'model.test_cfg.category_id says which of {list(known)} all are of'
        )
    found = [int(category) for category in found]  # MMPose's records have arrays
    for category in found:
        if category not in known:
            raise ValueError(
                f'category_id of a sample is {category}; CoKeHead.category_ids are {list(known)}'
            )
    return torch.tensor([known[category] for category in found], device=device)
