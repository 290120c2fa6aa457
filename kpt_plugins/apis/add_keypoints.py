"""New keypoints for any heatmap detector of MMPose: its step as a config."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmpose.apis.inference import dataset_meta_from_config

from kpt_plugins.datasets.annotation_file import load_annotation_file, read_json
from kpt_plugins.datasets.coco_keypoint_dataset import category_metainfo, find_category
from kpt_plugins.structures.keypoint_selection import keypoint_names
from kpt_plugins.structures.left_right import find_unpaired
from kpt_plugins.structures.plain_detector import dataset_info

ANNOTATIONS = 'annotations.json'
# Below so many images the batch norms keep the old detector's statistics.
FEW_IMAGES = 20
MIN_ITERATIONS = 50
METHODS = ('kamp', 'ksd', 'l2', 'lwf', 'finetune')


@dataclass(frozen=True)
class NewKeypoints:
    """Annotations of new keypoints, read from a COCO-style file.

    Args:
        path (Path): The file.
        info (dict): Metainfo of its category, as MMPose configs write it.
        content (dict): The file, cut to this category.
    """

    path: Path
    info: dict
    content: dict

    @property
    def names(self) -> list[str]:
        return [keypoint['name'] for keypoint in self.info['keypoint_info'].values()]

    @property
    def num_images(self) -> int:
        """Images with at least one label."""
        annotations = self.content['annotations']
        return len({a['image_id'] for a in annotations if _num_labels(a)})


def _num_labels(annotation: Mapping[str, Any]) -> int:
    return sum(v > 0 for v in annotation['keypoints'][2::3])


def read_new_keypoints(path: str | Path, category: str | int | None = None) -> NewKeypoints:
    """Read a COCO-style file of new keypoints.

    Args:
        path: The file.
        category: Name or id of the category; needed where the file has several.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not COCO-like, has no such category, or no annotation of it shows a
            keypoint.
    """
    path = Path(path)
    file = load_annotation_file(path)
    try:
        record = find_category(file, category)
        info = category_metainfo(file, record)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    content = dict(read_json(path), categories=[record])
    content['annotations'] = [a for a in content['annotations'] if a['category_id'] == record['id']]
    new = NewKeypoints(path, info, content)
    if not new.num_images:
        raise ValueError(
            f'{path}: none of the {len(content["annotations"])} annotations shows one of '
            f'{", ".join(new.names)} (visibility above 0)'
        )
    return new


def old_detector(config: str | Path) -> tuple[Config, dict]:
    """Config and parsed metainfo of an existing detector.

    Raises:
        ValueError: If it is no top-down model with a ``HeatmapHead``, or its keypoints are unknown
            or do not fit its head.
    """
    cfg = Config.fromfile(config)
    model = cfg.get('model', {})
    head = model.get('head') or {}
    if model.get('type') != 'TopdownPoseEstimator' or head.get('type') != 'HeatmapHead':
        raise ValueError(
            f'{config}: expected a TopdownPoseEstimator with a HeatmapHead, found model.type='
            f'{model.get("type")!r} with model.head.type={head.get("type")!r}; only heatmaps can '
            f'be distilled'
        )
    info = dataset_meta_from_config(cfg, dataset_mode='train')
    if info is None:
        raise ValueError(
            f'{config}: train_dataloader.dataset has no metainfo and no type that MMPose knows, so '
            f'the names of the old keypoints are unknown'
        )
    if info['num_keypoints'] != head['out_channels']:
        raise ValueError(
            f'{config}: model.head.out_channels is {head["out_channels"]}, the dataset has '
            f'{info["num_keypoints"]} keypoints'
        )
    return cfg, info


def merge_info(info: Mapping[str, Any], new: NewKeypoints) -> dict:
    """The dataset info of old and new keypoints together, as MMPose configs write it.

    Raises:
        ValueError: If a new keypoint has the name of an old one.
    """
    old = keypoint_names(info)
    if both := [name for name in new.names if name in old]:
        raise ValueError(
            f'{new.path}: {", ".join(both)}: the old detector has keypoints of this name already; '
            f'rename them in categories[].keypoints, or leave them out'
        )
    merged = dataset_info(info)
    for part, entries in (
        ('keypoint_info', merged['keypoint_info']),
        ('skeleton_info', merged['skeleton_info']),
    ):
        for entry in new.info[part].values():
            entries[len(entries)] = dict(entry, id=len(entries))
    for part in ('joint_weights', 'sigmas'):
        merged[part] += list(new.info[part])
    return merged


def merge_annotations(new: NewKeypoints, info: Mapping[str, Any]) -> dict:
    """The new file with the old keypoints in front, none of them labelled."""
    old = keypoint_names(info)
    annotations = [
        {
            **a,
            'keypoints': [0] * 3 * len(old) + list(a['keypoints']),
            'num_keypoints': _num_labels(a),
        }
        for a in new.content['annotations']
        if _num_labels(a)
    ]
    category = {**new.content['categories'][0], 'keypoints': [*old, *new.names]}
    for field in ('skeleton', 'flip_pairs'):  # in the config's metainfo, where they count
        category.pop(field, None)
    return {**new.content, 'categories': [category], 'annotations': annotations}


def check_images(new: NewKeypoints, images: str | Path) -> None:
    """Refuse annotations without their images.

    Raises:
        FileNotFoundError: Naming the first missing image.
    """
    names = [image['file_name'] for image in new.content['images']]
    if missing := [name for name in names if not Path(images, name).is_file()]:
        raise FileNotFoundError(
            f'{Path(images, missing[0])}: there is no such image; {len(missing)} of the '
            f'{len(names)} images of {new.path} are missing'
        )


def check_flips(names: Sequence[str], where: str) -> None:
    """Refuse to flip where a keypoint's other side is missing.

    Raises:
        ValueError: Naming the keypoints.
    """
    if alone := find_unpaired(names):
        raise ValueError(
            f'{where}: {", ".join(alone)}: no keypoint of the other side has such a name, so a '
            f'flipped image would mislabel it; add the other side, or use --no-flip'
        )


def training_config(
    old: Config,
    checkpoint: str | Path,
    info: Mapping[str, Any],
    merged: dict,
    new: NewKeypoints,
    images: str | Path,
    folder: str | Path,
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
        folder: Where the step's files go; ``annotations.json`` lies there.
        method: One of ``METHODS``.
        triplets: As for :class:`IncrementalPoseEstimator`.
        epochs, lr, batch_size: Of the training. Few images are repeated to 50 iterations an epoch.
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
            ann_file=str(Path(folder, ANNOTATIONS)),
            data_prefix=dict(img=str(images)),
        ),
        pipeline=pipeline,
    )
    repeat = math.ceil(MIN_ITERATIONS * batch_size / new.num_images)
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
            custom_imports=dict(imports=['kpt_plugins']),
            model=_model(old, steps, checkpoint, method, triplets, new.num_images, flip),
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
                dict(type='KnowledgeAssociationHook'),
            ],
            randomness=dict(seed=0),
        )
    )


def _model(
    old: Config,
    steps: list[list[str]],
    checkpoint: str | Path,
    method: str,
    triplets: str | Sequence[Sequence[str]],
    num_images: int,
    flip: bool,
) -> dict:
    model = copy.deepcopy(dict(old.model))
    backbone = dict(model['backbone'])
    if num_images < FEW_IMAGES and backbone['type'] in ('ResNet', 'HRNet'):
        backbone['norm_eval'] = True
    distillation = dict(
        kamp='SpatialDistillationLoss',
        ksd='SpatialDistillationLoss',
        l2='HeatmapL2DistillationLoss',
        lwf='ChannelDistillationLoss',
    ).get(method)
    test_cfg = dict(model.get('test_cfg') or {})
    if not flip:
        test_cfg['flip_test'] = False
    return dict(
        model,
        type='IncrementalPoseEstimator',
        backbone=backbone,
        test_cfg=test_cfg,
        steps=steps,
        step=1,
        parent=str(checkpoint),
        distillation=distillation and dict(type=distillation),
        ka_net=dict(num_triplets=1) if method == 'kamp' else None,
        triplets=triplets,
    )
