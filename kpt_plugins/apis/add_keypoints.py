"""New keypoints for any heatmap detector of MMPose: its step as a config."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from kpt_plugins.structures.keypoint_selection import keypoint_names
from kpt_plugins.structures.plain_detector import imported_modules

from .new_keypoints import NewKeypoints
from .run_fingerprint import INPUT_FOLDER

ANNOTATIONS = 'annotations.json'
# Below so many images the batch norms keep the old detector's statistics.
FEW_IMAGES = 20
MIN_ITERATIONS = 50
# Of KA-Net: passes over the images, and the fewest iterations, for few images.
ASSOCIATION_PASSES = 20
ASSOCIATION_ITERATIONS = 500
METHODS = ('kamp', 'ksd', 'l2', 'lwf', 'finetune')


def training_config(
    old: Config,
    checkpoint: str | Path,
    info: Mapping[str, Any],
    merged: dict,
    new: NewKeypoints,
    images: str | Path,
    work_dir: str | Path,
    method: str = 'kamp',
    triplets: str | Sequence[Sequence[str]] = 'miner',
    epochs: int = 40,
    lr: float = 5e-4,
    batch_size: int = 16,
    flip: bool = True,
) -> Config:
    """The config of the step that adds the new keypoints.

    The crop and the heatmaps are those of the old config; the rest of its pipeline is replaced.

    Args:
        old, checkpoint: The old detector.
        info, merged: Its metainfo, and that of all keypoints together.
        new, images: The annotations and the folder of their images.
        work_dir: Of the run; ``annotations.json`` goes to its input folder.
        method: One of ``METHODS``.
        triplets: As for :class:`IncrementalPoseEstimator`.
        epochs, lr, batch_size: Of the training. Few images are repeated to 50 iterations an epoch.
            KA-Net is trained for 20 passes over the images before, at least 500 iterations.
        flip: Flip images horizontally.
    """
    crop = [copy.deepcopy(dict(t)) for t in old.test_dataloader.dataset.pipeline]
    codec = copy.deepcopy(dict(old.model.head.decoder))
    place = next(i for i, t in enumerate(crop) if t['type'] == 'TopdownAffine')
    pipeline = [
        *crop[:place],
        *([dict(type='RandomFlip', direction='horizontal')] if flip else []),
        dict(type='RandomBBoxTransform', scale_factor=(0.75, 1.25), rotate_factor=40),
        crop[place],
        dict(type='GenerateTarget', encoder=codec),
        dict(type='PackPoseInputs'),
    ]
    steps = [keypoint_names(info), list(new.names)]
    dataset = dict(
        type='KeypointStepDataset',
        steps=steps,
        step=1,
        split='seen',  # all images; the old keypoints have no labels in them
        dataset=dict(
            type='CocoDataset',
            metainfo=merged,
            data_root='',
            ann_file=str(Path(work_dir, INPUT_FOLDER, ANNOTATIONS)),
            data_prefix=dict(img=str(images)),
        ),
        pipeline=pipeline,
    )
    number = len(new.annotations)
    repeat = math.ceil(MIN_ITERATIONS * batch_size / number)
    iterations = math.ceil(repeat * number / batch_size)
    association = max(ASSOCIATION_ITERATIONS, ASSOCIATION_PASSES * number / batch_size)
    loader = dict(
        batch_size=batch_size,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=dict(type='RepeatDataset', times=repeat, dataset=dataset),
    )
    test = dict(loader, sampler=dict(type='DefaultSampler', shuffle=False))
    test['dataset'] = dict(dataset, split='step', test_mode=True, pipeline=crop)
    return Config(
        dict(
            default_scope='mmpose',
            custom_imports=_merged_imports(old),
            model=_model(old, steps, checkpoint, method, triplets, len(new.images), flip),
            model_wrapper_cfg=dict(type='MMDistributedDataParallel', find_unused_parameters=True),
            codec=codec,
            train_dataloader=loader,
            test_dataloader=test,
            test_evaluator=[dict(type='IncrementalKeypointMetric')],
            test_cfg=dict(),
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(
                optimizer=dict(type='Adam', lr=lr), clip_grad=dict(max_norm=1.0, norm_type=2)
            ),
            param_scheduler=[
                dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
                dict(
                    type='CosineAnnealingLR',
                    begin=0,
                    end=epochs,
                    T_max=epochs,
                    by_epoch=True,
                    convert_to_iter_based=True,
                ),
            ],
            default_hooks=dict(
                timer=dict(type='IterTimerHook'),
                logger=dict(type='LoggerHook', interval=50),
                param_scheduler=dict(type='ParamSchedulerHook'),
                checkpoint=dict(type='SafeCheckpointHook', interval=5, max_keep_ckpts=1),
                sampler_seed=dict(type='DistSamplerSeedHook'),
            ),
            custom_hooks=[
                dict(type='EpochSeedHook'),
                dict(type='NonFiniteLossHook'),
                dict(type='StepHandoverHook'),
                dict(
                    type='KnowledgeAssociationHook',
                    num_epochs=math.ceil(association / iterations),
                ),
            ],
            randomness=dict(seed=0),
        )
    )


def _merged_imports(old: Config) -> dict:
    """The old config's ``custom_imports`` with this package."""
    imports = old.get('custom_imports') or {}
    names = dict.fromkeys([*imported_modules(imports), 'kpt_plugins'])
    return {**imports, 'imports': list(names)}


def _model(
    old: Config,
    steps: list[list[str]],
    checkpoint: str | Path,
    method: str,
    triplets: str | Sequence[Sequence[str]],
    num_images: int,
    flip: bool,
) -> dict:
    # The weights are the checkpoint's, the metainfo that of the old keypoints alone.
    model = {
        key: copy.deepcopy(value)
        for key, value in old.model.items()
        if key not in ('init_cfg', 'metainfo')
    }
    distillation = dict(
        kamp='SpatialDistillationLoss',
        ksd='SpatialDistillationLoss',
        l2='HeatmapL2DistillationLoss',
        lwf='ChannelDistillationLoss',
    ).get(method)
    test_cfg = dict(model.get('test_cfg') or {})
    test_cfg.pop('output_keypoint_indices', None)  # would leave the new ones out
    if not flip:
        test_cfg['flip_test'] = False
    return dict(
        model,
        type='IncrementalPoseEstimator',
        norm_eval=num_images < FEW_IMAGES,
        test_cfg=test_cfg,
        steps=steps,
        step=1,
        parent=str(checkpoint),
        distillation=distillation and dict(type=distillation),
        ka_net=dict(num_triplets=1) if method == 'kamp' else None,
        triplets=triplets,
    )
