"""The config of a detector of one category: MMPose's heatmaps, or CoKe."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.datasets.annotation_file import AnnotationFile
from kpt_plugins.datasets.coco_keypoint_dataset import category_metainfo
from kpt_plugins.structures.left_right import find_left_right_pairs, find_unpaired

from .detector_backbone import DEPTHS, DetectorBackbone, resnet
from .run_config import load_config

METHODS = ('heatmap', 'coke')
MIN_ITERATIONS = 50
"""Of an epoch: fewer images are repeated."""

_HEATMAP_CELL = 4


@dataclass(frozen=True)
class DetectorOptions:
    """How a detector is built and trained.

    Attributes:
        method: One of ``METHODS``.
        depth: Of the ResNet, 18 or 50.
        input_size: Width and height of the crops in pixels, multiples of 32.
        epochs: At least 50 iterations each.
        batch_size: Objects an iteration.
        workers: Processes that load images.
        seed: Of all random draws.
        flip: Train on mirrored images too; by default where :func:`mirrors` says so.
        pretrained: Begin with weights from ImageNet, which PyTorch downloads.
        load_from: Checkpoint to begin with.
        backbone: In place of the ResNet, with weights of its own.
    """

    method: str = 'heatmap'
    depth: int = 18
    input_size: tuple[int, int] = (256, 256)
    epochs: int = 40
    batch_size: int = 16
    workers: int = 2
    seed: int = 0
    flip: bool | None = None
    pretrained: bool = False
    load_from: str | None = None
    backbone: DetectorBackbone | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f'method {self.method!r}: expected one of {", ".join(METHODS)}')
        if self.depth not in DEPTHS:
            raise ValueError(f'depth {self.depth}: expected one of {", ".join(map(str, DEPTHS))}')
        if any(side < 32 or side % 32 for side in self.input_size):
            raise ValueError(
                f'input size {self.input_size[0]} x {self.input_size[1]}: expected multiples of 32'
            )
        if self.method == 'coke' and self.backbone and len(self.backbone.strides) < 2:
            raise ValueError(
                f'coke needs two maps or more, and the backbone {self.backbone.config["type"]} '
                f'gives one; use --method heatmap'
            )
        if self.load_from and not Path(self.load_from).is_file():
            raise FileNotFoundError(f'{self.load_from}: there is no such checkpoint (--load-from)')


@dataclass(frozen=True)
class LabelledFiles:
    """A COCO file to train on.

    Attributes:
        annotations: Its path.
        images: Folder that its file names are relative to.
        num_objects: Annotations in it.
    """

    annotations: str
    images: str
    num_objects: int


def detector_config(
    category: KeypointCategory,
    files: Sequence[LabelledFiles],
    options: DetectorOptions,
    unlabelled: Collection[str] = (),
) -> Config:
    """The config, complete in itself, for ``tools/train.py``.

    Of several files the smaller ones are repeated until they have about as many objects as the
    largest. Evaluation is on the first file, after training and on request only.

    Args:
        category: Of the files.
        files: One or more.
        options: How to train.
        unlabelled: Names of keypoints that no label shows; ``joint_weights`` are 0 for them, which
            says that the detector has not learned them.

    Raises:
        ValueError: If images are to be mirrored, and a left or right keypoint has no counterpart.
    """
    if options.flip is None:
        options = replace(options, flip=mirrors(category))
    cfg = load_config('coke_custom' if options.method == 'coke' else '_base_/default_runtime.py')
    backbone = options.backbone or resnet(options.depth, options.pretrained)
    codec = _codec(options, backbone)
    if options.method == 'coke':
        cfg.model = _coke_model(cfg.model, len(category.keypoint_names), codec, options, backbone)
        pack = [dict(type='BoxToInput')], dict(type='PackPoseInputs', meta_keys=cfg.meta_keys)
    else:
        cfg.model = _heatmap_model(len(category.keypoint_names), codec, options, backbone)
        pack = [], dict(type='PackPoseInputs')
        # trained, it needs nothing of this package
        cfg.custom_imports = dict(imports=['kpt_plugins'], allow_failed_imports=True)
    train, test = _pipelines(codec, pack, options.flip)
    info = detector_metainfo(category, options.flip)
    info['joint_weights'] = [float(n not in unlabelled) for n in category.keypoint_names]
    loader = dict(
        batch_size=options.batch_size,
        num_workers=options.workers,
        persistent_workers=options.workers > 0,
    )
    content = cfg.to_dict()
    content = {name: content[name] for name in _KEPT if name in content}
    content.update(
        codec=codec,
        data_mode='topdown',
        dataset_type='CocoDataset',
        train_dataloader=dict(
            loader,
            sampler=dict(type='DefaultSampler', shuffle=True),
            dataset=_mix([_dataset(f, info, train) for f in files], files, options.batch_size),
        ),
        test_dataloader=dict(
            loader,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(_dataset(files[0], info, test), test_mode=True),
        ),
        test_evaluator=[dict(type='PCKAccuracy', thr=0.1, norm_item='bbox')],
        train_cfg=dict(by_epoch=True, max_epochs=options.epochs),
        test_cfg=dict(),
        optim_wrapper=dict(
            optimizer=dict(type='AdamW', lr=5e-4, weight_decay=1e-4),
            clip_grad=dict(max_norm=1.0, norm_type=2),
        ),
        param_scheduler=_schedule(options.epochs),
        randomness=dict(seed=options.seed),
        load_from=options.load_from,
        visualizer=dict(
            type='PoseLocalVisualizer',
            vis_backends=[dict(type='LocalVisBackend')],
            name='visualizer',
        ),
    )
    content['default_hooks'].update(
        checkpoint=dict(type='SafeCheckpointHook', interval=5, max_keep_ckpts=1)
    )
    return Config(content)


_KEPT = (
    *('default_scope', 'custom_imports', 'default_hooks', 'custom_hooks', 'env_cfg'),
    *('log_processor', 'log_level', 'resume', 'model', 'model_wrapper_cfg'),
)


def mirrors(category: KeypointCategory) -> bool:
    """Whether images are mirrored by default: where pairs or names tell which keypoints are left or
    right ones. Where nothing does, a mirrored image might mislabel them."""
    names = category.keypoint_names
    return bool(category.flip_pairs or find_left_right_pairs(names) or find_unpaired(names))


def detector_metainfo(category: KeypointCategory, flip: bool) -> dict[str, Any]:
    """A category as MMPose's metainfo. Without pairs of its own they are found by the names.

    Raises:
        ValueError: If ``flip`` and a left or right keypoint has no counterpart.
    """
    alone = [] if category.flip_pairs else find_unpaired(category.keypoint_names)
    if flip and alone:
        raise ValueError(
            f'category {category.name!r}: {", ".join(alone)}: no keypoint of the other side has '
            f'such a name, so a mirrored image would mislabel it; use --no-flip'
        )
    record = dict(
        id=1,
        name=category.name,
        keypoints=list(category.keypoint_names),
        skeleton=[list(link) for link in category.skeleton],
    )
    if category.flip_pairs:
        record['flip_pairs'] = [list(pair) for pair in category.flip_pairs]
    file = AnnotationFile(Path(), dict(skeleton_base=0), {}, [], {1: record})
    return category_metainfo(file, record)


def _codec(options: DetectorOptions, backbone: DetectorBackbone) -> dict:
    size = options.input_size
    if options.method == 'coke':
        stride = backbone.strides[0]
        return dict(type='PrototypeCellCodec', input_size=size, stride=stride, refine='mean')
    stride = backbone.strides[-1] >> _deconvolutions(backbone)
    cells = tuple(side // stride for side in size)
    return dict(type='MSRAHeatmap', input_size=size, heatmap_size=cells, sigma=2, unbiased=True)


def _deconvolutions(backbone: DetectorBackbone) -> int:
    """How often the coarsest map is doubled for heatmaps with cells of 4 px."""
    return max(0, int(math.log2(backbone.strides[-1] / _HEATMAP_CELL)))


def _heatmap_model(
    num_keypoints: int, codec: dict, options: DetectorOptions, backbone: DetectorBackbone
) -> dict:
    times, channels = _deconvolutions(backbone), backbone.channels[-1]
    coarsest = dict(backbone.config)
    if isinstance(coarsest.get('out_indices'), tuple | list):
        coarsest['out_indices'] = coarsest['out_indices'][-1:]
    return dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(type='PoseDataPreprocessor', **backbone.normalisation),
        backbone=coarsest,
        head=dict(
            type='HeatmapHead',
            in_channels=channels,
            out_channels=num_keypoints,
            deconv_out_channels=(min(256, channels),) * times,
            deconv_kernel_sizes=(4,) * times,
            loss=dict(type='KeypointMSELoss', use_target_weight=True),
            decoder=codec,
        ),
        test_cfg=dict(flip_test=options.flip, flip_mode='heatmap', shift_heatmap=True),
    )


def _coke_model(
    shipped: dict,
    num_keypoints: int,
    codec: dict,
    options: DetectorOptions,
    backbone: DetectorBackbone,
) -> dict:
    model = copy.deepcopy(shipped.to_dict())
    model['data_preprocessor'].update(backbone.normalisation)
    model['backbone'] = backbone.config
    model['neck']['in_channels'] = list(backbone.channels)
    model['head'].update(num_keypoints=num_keypoints, decoder=codec)
    # without it few epochs teach little (configs/_base_/models/coke_res50.py)
    model['head']['loss']['spatial_weight'] = 1.0
    model['test_cfg']['flip_test'] = options.flip
    return model


def _pipelines(codec: dict, pack: tuple[list, dict], flip: bool) -> tuple[list, list]:
    """Transforms of training and test; ``pack`` is what goes before targets, and the last one."""
    before, last = pack
    box = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale', padding=1.25)]
    crop = [dict(type='TopdownAffine', input_size=codec['input_size']), *before]
    augment = [
        *([dict(type='RandomFlip', direction='horizontal')] if flip else []),
        dict(
            type='RandomBBoxTransform',
            shift_factor=0.08,
            scale_factor=(0.75, 1.25),
            rotate_factor=30,
            rotate_prob=0.6,
        ),
        dict(type='PhotometricDistortion'),
    ]
    target = dict(type='GenerateTarget', encoder=codec)
    return [*box, *augment, *crop, target, last], [*box, *crop, last]


def _dataset(files: LabelledFiles, info: dict, pipeline: list) -> dict:
    return dict(
        type='CocoDataset',
        metainfo=info,
        data_mode='topdown',
        data_root='',
        ann_file=files.annotations,
        data_prefix=dict(img=files.images),
        pipeline=pipeline,
    )


def _mix(datasets: list[dict], files: Sequence[LabelledFiles], batch_size: int) -> dict:
    most = max(each.num_objects for each in files)
    times = [max(1, round(most / each.num_objects)) for each in files]
    total = sum(t * each.num_objects for t, each in zip(times, files, strict=True))
    epochs = math.ceil(MIN_ITERATIONS * batch_size / total)
    parts = [_repeated(dataset, t * epochs) for dataset, t in zip(datasets, times, strict=True)]
    return parts[0] if len(parts) == 1 else dict(type='ConcatDataset', datasets=parts)


def _repeated(dataset: dict, times: int) -> dict:
    return dataset if times == 1 else dict(type='RepeatDataset', times=times, dataset=dataset)


def _schedule(epochs: int) -> list[dict]:
    return [
        dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
        dict(
            type='CosineAnnealingLR',
            begin=0,
            end=epochs,
            T_max=epochs,
            eta_min_ratio=0.01,
            by_epoch=True,
            convert_to_iter_based=True,
        ),
    ]
