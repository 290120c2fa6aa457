"""A small incremental detector and its data, drawn by the tests: coloured dots on noise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config

from tests.helpers import write_json

NAMES = ('head', 'tail', 'l_hand', 'r_hand', 'l_foot', 'r_foot')
STEPS = [['head', 'tail'], ['l_hand', 'r_hand'], ['l_foot', 'r_foot']]
SWAPS = dict(l_hand='r_hand', r_hand='l_hand', l_foot='r_foot', r_foot='l_foot')
LINKS = (
    *(('head', 'tail'), ('head', 'l_hand'), ('head', 'r_hand')),
    *(('tail', 'l_foot'), ('tail', 'r_foot')),
)
SHAPE = np.array([[0, -12], [0, 10], [-12, -8], [12, -8], [-8, 18], [8, 18]], np.float32)
COLORS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255)]
CODEC = dict(type='MSRAHeatmap', input_size=(48, 48), heatmap_size=(12, 12), sigma=1.0)
METAINFO = dict(
    dataset_name='dots',
    keypoint_info={
        i: dict(name=n, id=i, color=list(COLORS[i]), type='upper', swap=SWAPS.get(n, ''))
        for i, n in enumerate(NAMES)
    },
    skeleton_info={i: dict(link=link, id=i, color=[9, 9, 9]) for i, link in enumerate(LINKS)},
    joint_weights=[1.0] * len(NAMES),
    sigmas=[0.05] * len(NAMES),
)


def write_dots(root: Path, num_images: int = 24) -> Path:
    """Write ``dots.json`` and ``images/``; returns the root."""
    rng = np.random.default_rng(0)
    content = dict(images=[], annotations=[], categories=[])
    content['categories'].append(dict(id=1, name='dots', keypoints=list(NAMES)))
    (root / 'images').mkdir(parents=True)
    for number in range(1, num_images + 1):
        angle = rng.uniform(-0.5, 0.5)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = SHAPE @ turn.T + rng.uniform(26, 38, 2)
        image = rng.integers(90, 130, (64, 64, 3), np.uint8)
        for point, color in zip(points, COLORS, strict=True):
            cv2.circle(image, [int(v) for v in np.rint(point)], 3, color, -1)
        cv2.imwrite(str(root / 'images' / f'{number}.png'), image)
        content['images'].append(dict(id=number, file_name=f'{number}.png', width=64, height=64))
        low, high = points.min(axis=0) - 4, points.max(axis=0) + 4
        content['annotations'].append(
            dict(
                id=number,
                image_id=number,
                category_id=1,
                bbox=[*low.tolist(), *(high - low).tolist()],
                area=float(np.prod(high - low)),
                iscrowd=0,
                num_keypoints=len(NAMES),
                keypoints=np.c_[points, np.full(len(NAMES), 2)].ravel().tolist(),
            )
        )
    write_json(root / 'dots.json', content)
    return root


def dataset(root: Path, step: int, test: bool = False, **kwargs) -> dict:
    """Config of the dataset of a step."""
    load = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale')]
    crop = dict(type='TopdownAffine', input_size=CODEC['input_size'])
    target = [] if test else [dict(type='GenerateTarget', encoder=CODEC)]
    return dict(
        type='KeypointStepDataset',
        steps=STEPS,
        step=step,
        test_mode=test,
        dataset=dict(
            type='CocoDataset',
            metainfo=METAINFO,
            data_root=str(root),
            ann_file='dots.json',
            data_prefix=dict(img='images/'),
        ),
        pipeline=[*load, crop, *target, dict(type='PackPoseInputs')],
        **kwargs,
    )


def base_model(num_keypoints: int = 2) -> dict:
    """An ordinary heatmap detector of the base step."""
    return dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(
            type='PoseDataPreprocessor', mean=[110.0] * 3, std=[50.0] * 3, bgr_to_rgb=True
        ),
        backbone=dict(
            type='ResNet',
            depth=18,
            num_stages=2,
            strides=(1, 2),
            dilations=(1, 1),
            stem_channels=8,
            base_channels=8,
            out_indices=(1,),
        ),
        head=dict(
            type='HeatmapHead',
            in_channels=16,
            out_channels=num_keypoints,
            deconv_out_channels=(8,),
            deconv_kernel_sizes=(4,),
            loss=dict(type='KeypointMSELoss', use_target_weight=True),
            decoder=CODEC,
        ),
        test_cfg=dict(flip_test=False),
    )


def incremental_model(step: int, parent: str | Path | None, **kwargs) -> dict:
    """KAMP's model of a step."""
    options = dict(
        distillation=dict(type='SpatialDistillationLoss'),
        ka_net=dict(hidden_channels=4, kernel_sizes=(5, 5, 5), dilations=(1, 2, 2)),
        triplets='skeleton',
        peak_threshold=-1.0,  # hardly trained teachers are sure of nothing
    )
    return {
        **base_model(),
        'type': 'IncrementalPoseEstimator',
        'steps': STEPS,
        'step': step,
        'parent': parent and str(parent),
        **options,
        **kwargs,
    }


def run_config(
    root: Path, work_dir: Path, model: dict, step: int, epochs: int = 2, **data
) -> Config:
    """A whole config for MMEngine's Runner."""
    loader = dict(batch_size=4, num_workers=0)
    return Config(
        dict(
            default_scope='mmpose',
            custom_imports=dict(imports=['kpt_plugins']),
            work_dir=str(work_dir),
            model=model,
            codec=CODEC,
            train_dataloader=dict(
                **loader,
                sampler=dict(type='DefaultSampler', shuffle=True),
                dataset=dataset(root, step, **data),
            ),
            test_dataloader=dict(
                **loader,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dataset(root, step, test=True),
            ),
            test_evaluator=[dict(type='IncrementalKeypointMetric')],
            test_cfg=dict(),
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(optimizer=dict(type='Adam', lr=1e-3)),
            default_hooks=dict(
                logger=dict(type='LoggerHook', interval=1),
                checkpoint=dict(type='SafeCheckpointHook', interval=1),
            ),
            custom_hooks=[
                dict(type='EpochSeedHook'),
                dict(type='StepHandoverHook'),
                *([dict(type='KnowledgeAssociationHook', num_epochs=2)] if step else []),
            ],
            randomness=dict(seed=0),
            experiment_name=work_dir.name,
        )
    )
