"""Predicted data samples as EpisodeDataset and a few-shot estimator make them."""

import numpy as np
import torch
from mmengine.structures import BaseDataElement, InstanceData
from mmpose.structures import PoseDataSample

CROP_TO_IMAGE = np.array([[2.0, 0.5, 7.0], [-0.5, 2.0, 3.0]])


def make_sample(
    pair_index,
    num_keypoints=5,
    category_id=3,
    num_shots=1,
    padded_to=9,
    noise=10.0,
    query_visible=None,
    support_visible=None,
    seed=0,
):
    rng = np.random.default_rng([seed, pair_index])
    target = rng.uniform(0, 200, (1, num_keypoints, 2))
    pred = target + rng.normal(0, noise, target.shape)
    if query_visible is None:
        query_visible = rng.random(num_keypoints) < 0.8
    visible = rng.random((num_shots + 1, padded_to)) < 0.8
    if support_visible is not None:
        visible[:-1, :num_keypoints] = support_visible
    sample = PoseDataSample(
        metainfo=dict(
            pair_index=pair_index,
            category_id=category_id,
            category_name=f'category {category_id}',
            id=1000 + pair_index % 3,
            img_path=f'images/{pair_index}.jpg',
            input_size=(128, 128),
            crop_to_image=CROP_TO_IMAGE,
            num_keypoints=num_keypoints,
            support_ids=[7] * num_shots,
        )
    )
    sample.gt_instances = InstanceData(
        bboxes=np.array([[5.0, 10.0, 165.0, 90.0]], dtype=np.float32),
        keypoints=target,
        keypoints_visible=np.asarray(query_visible, dtype=np.float32)[None],
    )
    sample.episode = BaseDataElement(
        points=torch.from_numpy(rng.random((num_shots + 1, padded_to, 2))).float(),
        visible=torch.from_numpy(visible),
    )
    sample.pred_instances = InstanceData(
        keypoints=pred, keypoint_scores=rng.random((1, num_keypoints))
    )
    return sample
