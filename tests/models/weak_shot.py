"""A weak-shot model of milliseconds and batches of pairs for it."""

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

LOSSES = dict(
    prompt=dict(type='PromptHeatmapLoss'),
    keyness=dict(type='KeynessLoss'),
    correspondence=dict(type='CorrespondenceLoss'),
    guiding=dict(type='OffsetGuidingLoss'),
    consistency=dict(type='CorrespondenceConsistencyLoss'),
    equivariance=dict(type='EquivarianceLoss'),
    localization=dict(type='LocalizationLoss'),
)
CONFIG = dict(
    type='WeakShotPoseEstimator',
    _scope_='mmpose',
    backbone=dict(
        type='ResNet',
        depth=18,
        num_stages=2,
        strides=(1, 2),
        dilations=(1, 1),
        stem_channels=8,
        base_channels=8,
        out_indices=(0, 1),
        norm_cfg=dict(type='GN', num_groups=4),
    ),
    neck=dict(type='FeatureAggregator', in_channels=[8, 16], out_channels=16, out_size=(12, 12)),
    head=dict(
        type='PromptHeatmapHead',
        in_channels=16,
        token_channels=[16],
        num_prompts=6,
        dims=16,
        num_heads=2,
        num_layers=1,
    ),
    keyness=dict(type='KeynessHead', in_channels=16, radius=2.0, min_keyness=0.0),
    correspondence=dict(type='CorrespondenceHead', in_channels=16, dims=8),
    losses=LOSSES,
    sigma=1.0,
)


def build(**changes):
    torch.manual_seed(0)
    model = MODELS.build({**CONFIG, **changes})
    # maps that are not all but empty, so that prompts differ and move
    if getattr(model.head, 'bias', None) is not None:
        model.head.bias.data.zero_()
    return model


def batch(kinds, pixels=32, seed=0, keypoints=None):
    """Crops and data samples of pairs: 'b' for a base and 'n' for a novel one, in this order."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(2 * len(kinds), 3, pixels, pixels, generator=generator)
    samples = []
    for number in range(2 * len(kinds)):
        pair = number // 2
        sample = PoseDataSample(
            metainfo=dict(
                category_id=10 + pair,
                is_base=kinds[pair] == 'b',
                img_path=f'{number}.jpg',
                input_size=(pixels, pixels),
                input_center=np.array([40.0, 30.0 + number]),
                input_scale=np.array([64.0, 64.0]),
            )
        )
        sample.gt_instances = InstanceData(bboxes=np.zeros((1, 4), np.float32))
        size = keypoints or 3 + pair % 3
        points = torch.rand(1, size, 2, generator=generator)
        visible = (torch.rand(1, size, generator=generator) < 0.8).float()
        if kinds[pair] == 'b':
            sample.gt_instance_labels = InstanceData(keypoints=points, keypoints_visible=visible)
        samples.append(sample)
    return inputs, samples
