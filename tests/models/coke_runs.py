"""A small CoKe detector and drawn images to train it on."""

import itertools
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

import kpt_plugins  # noqa: F401
from tests.helpers import coco_file, write_json

COLORS = ((250, 60, 60), (60, 250, 60), (60, 60, 250), (240, 240, 60))
K = len(COLORS)
INPUT = (64, 64)
CODEC = dict(type='PrototypeCellCodec', input_size=INPUT, stride=8)
_names = itertools.count()


def write_dots(root: Path, num_images: int = 16) -> Path:
    """Images with one dot of each colour on a grey background, as a COCO-style data set."""
    rng = np.random.default_rng(0)
    (root / 'images').mkdir(parents=True, exist_ok=True)
    content = coco_file(K, num_images=num_images)
    for image, record in zip(content['images'], content['annotations'], strict=True):
        image.update(width=96, height=80)
        pixels = rng.integers(90, 130, (80, 96, 3)).astype(np.uint8)
        corners = np.array([[24, 20], [66, 22], [68, 58], [26, 56]])
        points = corners[rng.permutation(K)] + rng.integers(-6, 7, (K, 2))
        for point, color in zip(points.tolist(), COLORS, strict=True):
            cv2.circle(pixels, point, 5, color, -1)
        cv2.imwrite(str(root / 'images' / image['file_name']), pixels)
        record['bbox'] = [8, 4, 80, 72]
        record['keypoints'] = [v for x, y in points.tolist() for v in (x, y, 2)]
    write_json(root / 'ann.json', content)
    return root


def model_config(**head) -> dict:
    """A narrow ResNet-18, the up-sampling neck and a CoKe head: 8 x 8 cells for 64 x 64 pixels."""
    return dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(
            type='PoseDataPreprocessor', mean=[110.0] * 3, std=[60.0] * 3, bgr_to_rgb=True
        ),
        backbone=dict(
            type='ResNet', depth=18, stem_channels=8, base_channels=8, out_indices=(1, 2, 3)
        ),
        neck=dict(type='UNetUpsampleNeck', in_channels=(16, 32, 64), out_channels=16),
        head=dict(
            dict(
                type='CoKeHead',
                in_channels=16,
                num_keypoints=K,
                feat_dim=16,
                clutter=dict(type='ClutterBank', size=64),
                decoder=CODEC,
            ),
            **head,
        ),
        test_cfg=dict(flip_test=False),
    )


def pipeline(train: bool) -> list[dict]:
    """The ordinary top-down pipeline, without augmentation."""
    return [
        dict(type='LoadImage'),
        dict(type='GetBBoxCenterScale', padding=1.0),
        dict(type='TopdownAffine', input_size=INPUT),
        *([dict(type='GenerateTarget', encoder=CODEC)] if train else []),
        dict(type='PackPoseInputs'),
    ]


def config(root: Path, work_dir: Path, epochs: int, hooks: list[dict] = (), **options) -> Config:
    """A whole run; ``options`` replace entries of the config."""
    dataset = dict(
        type='CocoKeypointDataset',
        data_root=str(root),
        ann_file='ann.json',
        data_prefix=dict(img='images/'),
    )
    loader = dict(batch_size=8, num_workers=0, collate_fn=dict(type='pseudo_collate'))
    return Config(
        dict(
            dict(
                model=model_config(),
                work_dir=str(work_dir),
                default_scope='mmpose',
                custom_imports=dict(imports=['kpt_plugins'], allow_failed_imports=False),
                train_dataloader=dict(
                    **loader,
                    sampler=dict(type='DefaultSampler', shuffle=True),
                    dataset=dict(dataset, pipeline=pipeline(train=True)),
                ),
                test_dataloader=dict(
                    **loader,
                    sampler=dict(type='DefaultSampler', shuffle=False),
                    dataset=dict(dataset, pipeline=pipeline(train=False), test_mode=True),
                ),
                test_evaluator=dict(type='PCKAccuracy', thr=0.1, norm_item='bbox'),
                test_cfg=dict(),
                train_cfg=dict(by_epoch=True, max_epochs=epochs),
                optim_wrapper=dict(optimizer=dict(type='Adam', lr=3e-3)),
                default_hooks=dict(
                    checkpoint=dict(type='SafeCheckpointHook', interval=1),
                    logger=dict(type='LoggerHook', interval=1),
                ),
                custom_hooks=[dict(type='EpochSeedHook'), *hooks],
                randomness=dict(seed=1),
                log_level='WARNING',
                experiment_name=f'coke_{next(_names)}',
            ),
            **options,
        )
    )


def runner(*args, **kwargs) -> Runner:
    """The runner of :func:`config`."""
    return Runner.from_cfg(config(*args, **kwargs))
