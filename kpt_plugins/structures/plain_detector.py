"""Incremental detectors as ordinary MMPose ones, which load without this package."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config

# Top-level entries that MMPose's own tools and inferencers read.
KEPT = ('model', 'codec', 'default_scope', 'test_dataloader')
# What the incremental estimator has and TopdownPoseEstimator takes as well.
MODEL_KEYS = ('backbone', 'neck', 'head', 'test_cfg', 'train_cfg', 'data_preprocessor')
# Transforms of this package that only check more than MMPose's.
STOCK = {'LoadImageChecked': 'LoadImage'}
PACKAGE = 'kpt_plugins'


def dataset_info(metainfo: Mapping[str, Any]) -> dict:
    """A dataset's metainfo in the form that MMPose configs write it in.

    The inverse of ``mmpose.datasets.datasets.utils.parse_pose_metainfo``, in plain Python types.

    Args:
        metainfo: Parsed, with ``keypoint_id2name``, ``flip_indices``, ``skeleton_links`` and so on.
    """
    names = [metainfo['keypoint_id2name'][i] for i in range(metainfo['num_keypoints'])]
    flips = metainfo.get('flip_indices') or range(len(names))
    upper, lower = (set(metainfo.get(f'{half}_body_ids') or ()) for half in ('upper', 'lower'))
    keypoints = {}
    for i, (name, flip) in enumerate(zip(names, flips, strict=True)):
        keypoints[i] = dict(
            name=name,
            id=i,
            color=[int(c) for c in metainfo['keypoint_colors'][i]],
            type='upper' if i in upper else 'lower' if i in lower else '',
            swap='' if flip == i else names[flip],
        )
    links = {
        i: dict(link=(names[a], names[b]), id=i, color=[int(c) for c in color])
        for i, ((a, b), color) in enumerate(
            zip(metainfo['skeleton_links'], metainfo['skeleton_link_colors'], strict=True)
        )
    }
    return dict(
        dataset_name=metainfo['dataset_name'],
        keypoint_info=keypoints,
        skeleton_info=links,
        joint_weights=[float(w) for w in metainfo['dataset_keypoint_weights']],
        sigmas=[float(s) for s in metainfo['sigmas']],
    )


def plain_model(model: Mapping[str, Any], num_keypoints: int) -> dict:
    """The model config of an ordinary ``TopdownPoseEstimator`` with a ``HeatmapHead``.

    Args:
        model: Of a :class:`IncrementalPoseEstimator` or a :class:`TopdownPoseEstimator`.
        num_keypoints: Heatmaps of the head.
    """
    plain = {key: copy.deepcopy(model[key]) for key in MODEL_KEYS if model.get(key) is not None}
    plain['backbone'].pop('init_cfg', None)
    plain['head'].pop('num_old', None)
    plain['head'].update(type='HeatmapHead', out_channels=num_keypoints)
    return dict(type='TopdownPoseEstimator', **plain)


def plain_config(cfg: Config, metainfo: Mapping[str, Any]) -> Config:
    """A config of the trained detector for MMPose's tools and inferencers.

    Of its ``custom_imports`` those of this package are left out.

    Args:
        cfg: Of the run.
        metainfo: Of the keypoints seen so far, parsed.

    Raises:
        ValueError: If the test pipeline has transforms that MMPose has not.
    """
    content = {key: copy.deepcopy(cfg[key]) for key in KEPT if key in cfg}
    content['model'] = plain_model(cfg.model, metainfo['num_keypoints'])
    info = dataset_info(metainfo)
    dataset = dict(
        type='CocoDataset',
        metainfo=info,
        data_mode='topdown',
        data_root='',
        ann_file='',
        data_prefix=dict(img=''),
        test_mode=True,
        pipeline=_stock_pipeline(cfg.test_dataloader.dataset.pipeline),
    )
    imports = cfg.get('custom_imports') or {}
    theirs = [name for name in imported_modules(imports) if name.partition('.')[0] != PACKAGE]
    if theirs:
        content['custom_imports'] = {**imports, 'imports': theirs}
    content.update(data_mode='topdown', dataset_type='CocoDataset')
    content['visualizer'] = dict(
        type='PoseLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer'
    )
    content['test_dataloader'] = dict(content['test_dataloader'], dataset=dataset)
    # init_model reads the keypoints from here
    content['train_dataloader'] = dict(dataset=dict(metainfo=info))
    return Config(content)


def imported_modules(custom_imports: Mapping[str, Any]) -> list[str]:
    """Names of the modules that a config's ``custom_imports`` lists; it may be a single one."""
    names = custom_imports.get('imports') or []
    return [names] if isinstance(names, str) else list(names)


def _stock_pipeline(pipeline: Sequence[Mapping[str, Any]]) -> list[dict]:
    from mmpose.datasets import transforms as stock  # noqa: F401  (registers MMPose's)
    from mmpose.registry import TRANSFORMS

    result = []
    for transform in pipeline:
        transform = dict(transform, type=STOCK.get(transform['type'], transform['type']))
        found = TRANSFORMS.get(transform['type'])
        if found is None or found.__module__.startswith(PACKAGE):
            raise ValueError(
                f'test_dataloader.dataset.pipeline has {transform["type"]}, which MMPose does not '
                f'have: the exported detector could not run without this package'
            )
        result.append(transform)
    return result
