"""Tiny models of every kind that has an export, and their predictions to compare with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import nn

from kpt_plugins.apis.model_loading import build_model, predict_items

SIZE = (64, 48)
NAMES = ('head', 'tail', 'l_foot', 'r_foot')
FLIPS = [0, 1, 3, 2]
METAINFO = dict(
    dataset_name='dots',
    keypoint_info={
        i: dict(name=n, id=i, color=[9, 9, 9], type='', swap=NAMES[FLIPS[i]] if i > 1 else '')
        for i, n in enumerate(NAMES)
    },
    skeleton_info={0: dict(link=('head', 'tail'), id=0, color=[9, 9, 9])},
    joint_weights=[1.0] * 4,
    sigmas=[0.05] * 4,
)
BACKBONE = dict(
    type='ResNet',
    depth=18,
    num_stages=2,
    strides=(1, 2),
    dilations=(1, 1),
    stem_channels=8,
    base_channels=8,
    out_indices=(0, 1),
)
PREPROCESSOR = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)
HEATMAP = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(type='PoseDataPreprocessor', **PREPROCESSOR),
    backbone=BACKBONE,
    head=dict(
        type='HeatmapHead',
        in_channels=16,
        out_channels=4,
        deconv_out_channels=(8,),
        deconv_kernel_sizes=(4,),
        decoder=dict(type='MSRAHeatmap', input_size=SIZE, heatmap_size=(16, 12), sigma=2),
    ),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
)
UDP_DECODER = dict(type='UDPHeatmap', input_size=SIZE, heatmap_size=(16, 12), sigma=2)
COKE = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=HEATMAP['data_preprocessor'],
    backbone=BACKBONE,
    neck=dict(type='UNetUpsampleNeck', in_channels=[8, 16], out_channels=8),
    head=dict(
        type='CoKeHead',
        in_channels=8,
        feat_dim=8,
        num_keypoints=4,
        clutter=dict(type='ClutterBank', size=16),
        noise_per_image=2,
        decoder=dict(type='PrototypeCellCodec', input_size=SIZE, stride=4),
    ),
    test_cfg=dict(flip_test=True),
)
KAMP = dict(
    HEATMAP,
    type='IncrementalPoseEstimator',
    head={k: v for k, v in HEATMAP['head'].items() if k != 'out_channels'},
    steps=[NAMES[:2], NAMES[2:]],
    step=1,
    test_cfg=dict(flip_test=False),
)
PROMPTS = dict(
    type='WeakShotPoseEstimator',
    data_preprocessor=HEATMAP['data_preprocessor'],
    backbone=BACKBONE,
    neck=dict(type='FeatureAggregator', in_channels=[8, 16], out_channels=16, num_groups=4),
    head=dict(
        type='PromptHeatmapHead',
        in_channels=16,
        token_channels=[16],
        num_prompts=6,
        dims=16,
        num_layers=1,
        num_heads=2,
    ),
    sigma=1.5,
)
FEW_SHOT = dict(
    type='FewShotPoseEstimator',
    data_preprocessor=dict(type='EpisodeDataPreprocessor', **PREPROCESSOR),
    backbone=BACKBONE,
    neck=dict(type='TopDownPyramid', in_channels=[8, 16], out_channels=16),
    head=dict(
        type='FMMPHead',
        dims=16,
        num_layers=2,
        num_heads=2,
        num_levels=2,
        num_samples=2,
        num_references=3,
        proposal=dict(temperature=0.1),
    ),
)


def detector_config(model: dict, udp: bool = False) -> Config:
    """An experiment config as far as an export reads it."""
    pipeline = [
        dict(type='LoadImage'),
        dict(type='GetBBoxCenterScale', padding=1.25),
        dict(type='TopdownAffine', input_size=SIZE, use_udp=udp),
        *([dict(type='BoxToInput')] if model is COKE else []),
    ]
    data = dict(dataset=dict(type='CocoDataset', metainfo=METAINFO, pipeline=pipeline))
    return Config(dict(default_scope='mmpose', model=model, test_dataloader=data))


def episode_config(model: dict = FEW_SHOT, num_keypoints: int = 12) -> Config:
    """The same of a few-shot model."""
    pipeline = [
        dict(type='LoadImageChecked'),
        dict(type='GetBBoxCenterScale', padding=1.25),
        dict(type='TopdownAffine', input_size=SIZE),
        dict(type='HideKeypointsOutsideCrop'),
    ]
    episode = [
        dict(type='KeypointPadding', mode='eqdiv', num_keypoints=num_keypoints),
        dict(type='StructuralReferences', num_references=3),
        dict(type='PackEpisode'),
    ]
    dataset = dict(type='MP100Dataset', pipeline=pipeline)
    data = dict(dataset=dict(type='EpisodeDataset', dataset=dataset, pipeline=episode))
    return Config(dict(default_scope='mmpose', model=model, test_dataloader=data))


def build(cfg: Config) -> nn.Module:
    """The model with random weights that spread its keypoints over the crop."""
    torch.manual_seed(0)
    model = build_model(cfg)
    for name, weight in model.named_parameters():
        if weight.dim() > 1 and 'sampling_offsets' not in name:
            nn.init.kaiming_normal_(weight)
    for mlp in getattr(model.head, 'point_mlps', ()):
        nn.init.normal_(mlp[-1].weight, std=0.1)
    if hasattr(model.head, 'bank'):
        theta, clutter = model.head.bank.theta, model.head.clutter.mem
        theta.copy_(nn.functional.normalize(torch.randn(theta.shape), dim=1))
        model.head.clutter.push(nn.functional.normalize(torch.randn(clutter.shape), dim=1))
    if hasattr(model, 'prompt_names'):
        model.set_prompt_assignment({7: [2, -1, 5]})
    return model


def random_items(number: int, seed: int = 0) -> list[dict]:
    """Crops of noise, blurred so that peaks are clear, whose pixels are those of the image."""
    rng = np.random.default_rng(seed)
    width, height = SIZE
    items = []
    for _ in range(number):
        image = torch.from_numpy(rng.integers(256, size=(3, height, width), dtype=np.uint8))
        sample = PoseDataSample(
            metainfo=dict(
                input_size=SIZE,
                input_center=np.float32([width / 2, height / 2]),
                input_scale=np.float32([width, height]),
                flip_indices=FLIPS,
                category_id=7,
                input_box=rng.uniform(-5, 5, (4, 2)).astype(np.float32)
                + np.float32([[10, 10], [50, 8], [48, 40], [12, 38]]),
            )
        )
        box = np.float32([[0, 0, width, height]])
        sample.gt_instances = InstanceData(bboxes=box, bbox_scores=np.ones(1, np.float32))
        items.append(dict(inputs=image, data_samples=sample))
    return items


def predicted(model: nn.Module, items: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (B, K, 2) in pixels of the crop and scores (B, K) of the model's own path."""
    samples = predict_items(model, items)
    points = []
    for sample in samples:
        meta = sample.metainfo
        scale, size = np.float64(meta['input_scale']), np.array(meta['input_size'])
        corner = np.float64(meta['input_center']) - scale / 2
        points.append((sample.pred_instances.keypoints[0] - corner) / scale * size)
    return np.stack(points), np.concatenate([s.pred_instances.keypoint_scores for s in samples])


def normalised(images: torch.Tensor | list[torch.Tensor]) -> np.ndarray:
    """Crops uint8 (B, 3, H, W), BGR, as the graphs take them."""
    images = np.stack([np.asarray(image) for image in images])[:, ::-1].astype(np.float32)
    mean, std = (np.float32(PREPROCESSOR[name])[:, None, None] for name in ('mean', 'std'))
    return (images - mean) / std


def load_export(folder: Path) -> tuple[dict, list]:
    """The description and the sessions of a folder that ``export_model`` wrote."""
    import onnxruntime

    description = json.loads((folder / 'export.json').read_text())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = [
        onnxruntime.InferenceSession(folder / name, options) for name in description['graphs']
    ]
    return description, sessions
