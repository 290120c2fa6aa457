"""An existing heatmap detector of MMPose, checked before anything is built on it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmpose.apis.inference import dataset_meta_from_config
from torch import nn

from .checkpoint import load_checkpoint_safely
from .model_loading import build_model, wrong_weights
from .run_config import load_config, walk_dicts

# What building a model from a wrong config ends in.
_BUILD_ERRORS = (
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def old_detector(config: str | Path) -> tuple[Config, dict]:
    """Config and parsed metainfo of an existing detector.

    Joint weights that are not one a keypoint, as in a few configs of MMPose, are replaced by ones,
    with a warning: old keypoints have no labels to weigh.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no config, needs a package that is not installed, is no top-down model
            with a ``HeatmapHead``, an entry is missing, or its keypoints are unknown, malformed or
            do not fit its head.
    """
    cfg = _read(config)
    model = cfg.get('model') or {}
    head = model.get('head') or {}
    if model.get('type') != 'TopdownPoseEstimator' or head.get('type') != 'HeatmapHead':
        raise ValueError(
            f'{config}: expected a TopdownPoseEstimator with a HeatmapHead, found model.type='
            f'{model.get("type")!r} with model.head.type={head.get("type")!r}; only heatmaps can '
            f'be distilled'
        )
    _require_packages(cfg, config)
    _check_entries(cfg, config)
    info = _metainfo(cfg, config)
    if info['num_keypoints'] != head['out_channels']:
        raise ValueError(
            f'{config}: model.head.out_channels is {head["out_channels"]}, the dataset has '
            f'{info["num_keypoints"]} keypoints'
        )
    return cfg, info


def check_weights(cfg: Config, checkpoint: str | Path, allow_pickle: bool = False) -> None:
    """Build an existing detector and load its weights, to see that they fit.

    Args:
        cfg: As :func:`old_detector` returns it.
        checkpoint: File of its weights.
        allow_pickle: As for :func:`load_checkpoint_safely`.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
        ValueError: If the model cannot be built, has no last layer to grow or heatmaps of another
            size than its codec, the file is no checkpoint, or the weights are not those of this
            model.
    """
    try:
        model = build_model(cfg)
    except _BUILD_ERRORS as error:
        raise ValueError(f'{cfg.filename}: the model cannot be built: {error}') from error
    if isinstance(model.head.final_layer, nn.Identity):
        raise ValueError(
            f'{cfg.filename}: model.head.final_layer is None; a head without a last layer cannot '
            f'grow'
        )
    content = load_checkpoint_safely(checkpoint, 'cpu', allow_pickle)
    try:
        model.load_state_dict(content.get('state_dict', content))
    except RuntimeError as error:
        raise wrong_weights(error, checkpoint, cfg) from error
    except (AttributeError, TypeError) as error:
        raise ValueError(f'{checkpoint} holds no weights: {error}') from error
    _check_heatmaps(model, cfg)


def _read(config: str | Path) -> Config:
    try:
        return load_config(config)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f'{config} is no config: {error}') from error
    except ImportError as error:
        missing = _missing_module(error)
        reason = f'No module named {missing!r}' if missing else error.__cause__ or error
        raise ValueError(
            f'{config}: its custom_imports cannot be imported: {reason}; '
            f'{_install(missing) if missing else "repair or install it"}, or for a file of your '
            f'own add its folder to the environment variable PYTHONPATH'
        ) from error


def _missing_module(error: BaseException | None) -> str:
    """Name of the package whose absence an import failed on; '' for another reason."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name:
            return error.name.partition('.')[0]
        error = error.__cause__ or error.__context__
    return ''


def _install(package: str) -> str:
    """The command that installs a package, for the family of packages that is installed here."""
    try:
        version('onedl-mmengine')
    except PackageNotFoundError:
        return f'pip install {package}'
    command = f'pip install {"onedl-" if package.startswith("mm") else ""}{package}'
    # onedl-mmpretrain imports it, but its metadata name another, empty package.
    return f'{command} model-index' if package == 'mmpretrain' else command


def _require_packages(cfg: Config, config: str | Path) -> None:
    """Refuse types such as ``mmpretrain.VisionTransformer`` of packages that are not there."""
    for entry in walk_dicts(cfg.model):
        kind = entry.get('type')
        scope, dot, _ = kind.partition('.') if isinstance(kind, str) else ('', '', '')
        if not dot:
            continue
        try:
            import_module(scope)
        except (AssertionError, ImportError) as error:  # they assert the versions of others
            raise ValueError(
                f'{config}: the model has a {kind}, of the package {scope}, which is not '
                f'installed or does not work here ({error}): {_install(scope)}'
            ) from error


def _check_entries(cfg: Config, config: str | Path) -> None:
    """Refuse a config without what the training takes over from it."""
    head = cfg.model.head
    channels = head.get('out_channels')
    if isinstance(channels, bool) or not isinstance(channels, int):
        raise ValueError(
            f'{config}: model.head.out_channels is {channels!r}, expected the number of keypoints'
        )
    if not isinstance(head.get('decoder'), dict):
        raise ValueError(
            f'{config}: model.head.decoder is {head.get("decoder")!r}, expected the codec that '
            f'makes heatmaps and reads them, for instance dict(type="MSRAHeatmap", ...)'
        )
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    pipeline = dataset.get('pipeline')
    if not isinstance(pipeline, Sequence) or not pipeline:
        raise ValueError(
            f'{config}: test_dataloader.dataset.pipeline is missing; expected the transforms that '
            f'make the input of the detector'
        )
    if not any(transform.get('type') == 'TopdownAffine' for transform in pipeline):
        kinds = ', '.join(str(transform.get('type')) for transform in pipeline)
        raise ValueError(
            f'{config}: test_dataloader.dataset.pipeline has no TopdownAffine, which cuts the '
            f'input out of the image; it has {kinds}'
        )


@torch.no_grad()
def _check_heatmaps(model: nn.Module, cfg: Config) -> None:
    """Refuse a model that does not make the heatmaps of its own codec."""
    codec = cfg.model.head.decoder
    try:
        (width, height), expected = codec['input_size'], tuple(codec['heatmap_size'])
        heatmaps = model.head(model.extract_feat(torch.zeros(1, 3, height, width)))
    except (LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f'{cfg.filename}: the model makes no heatmaps of an image as its model.head.decoder '
            f'describes it ({dict(codec)}): {type(error).__name__}: {error}'
        ) from error
    found = (heatmaps.shape[3], heatmaps.shape[2])
    if found != expected:
        raise ValueError(
            f'{cfg.filename}: the model makes heatmaps of {found[0]} x {found[1]} of an image of '
            f'{width} x {height}, model.head.decoder.heatmap_size is {expected}'
        )


def _unwrap(dataset: dict) -> dict:
    """The first config inside wrappers (RepeatDataset, ConcatDataset) that says what it holds."""
    while 'metainfo' not in dataset:
        inner = dataset.get('dataset') or next(iter(dataset.get('datasets') or ()), None)
        if inner is None:
            break
        dataset = inner
    return dataset


def _metainfo(cfg: Config, config: str | Path) -> dict:
    """Parsed and checked metainfo of the training data."""
    where = f'{config}: train_dataloader.dataset.metainfo'
    dataset = _unwrap((cfg.get('train_dataloader') or {}).get('dataset') or {})
    try:
        info = dataset_meta_from_config(
            Config(dict(train_dataloader=dict(dataset=dataset))), dataset_mode='train'
        )
    except (AssertionError, LookupError, OSError, TypeError, ValueError) as error:
        raise ValueError(f'{where} is malformed: {type(error).__name__}: {error}') from error
    if info is None:
        raise ValueError(
            f'{config}: train_dataloader.dataset has no metainfo and no type that MMPose knows, so '
            f'the names of the old keypoints are unknown'
        )
    number = info['num_keypoints']
    names = info['keypoint_id2name']
    if list(names) != list(range(number)) or len(set(names.values())) < number:
        raise ValueError(
            f'{where}: keypoint_info has {names}, expected keys from 0 to {number - 1} in order '
            f'and different names'
        )
    _check_lengths(info, number, where)
    return info


def _check_lengths(info: dict[str, Any], number: int, where: str) -> None:
    if np.shape(info['sigmas']) != (number,):
        raise ValueError(
            f'{where}: {np.size(info["sigmas"])} sigmas for {number} keypoints, expected one each'
        )
    weights = info['dataset_keypoint_weights']
    if np.shape(weights) != (number,):
        info['dataset_keypoint_weights'] = np.ones(number, np.float32)
        print_log(
            f'{where}: {np.size(weights)} joint_weights for {number} keypoints; all are taken as '
            f'1, which changes nothing here: the old keypoints have no labels to weigh',
            logger='current',
            level=logging.WARNING,
        )
