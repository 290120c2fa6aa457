"""The network that a detector begins with: a ResNet, or that of another model of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmpose.registry import MODELS
from torch import Tensor

from .model_source import read_model_source

DEPTHS = (18, 50)
_PREFIX = 'backbone.'
_NORMALISATION = ('mean', 'std', 'bgr_to_rgb')


@dataclass(frozen=True)
class DetectorBackbone:
    """A backbone and what is to be known of it.

    Attributes:
        config: As MMPose builds it; its weights are in ``init_cfg``.
        channels: Of its maps, finest first.
        strides: Of its maps in pixels, each twice the one before it.
        normalisation: ``mean``, ``std`` and ``bgr_to_rgb`` of the images that it takes.
    """

    config: dict[str, Any]
    channels: tuple[int, ...]
    strides: tuple[int, ...]
    normalisation: dict[str, Any]


def resnet(depth: int, pretrained: bool = False) -> DetectorBackbone:
    """A ResNet's last three stages.

    Args:
        depth: One of ``DEPTHS``.
        pretrained: Begin with weights from ImageNet, which PyTorch downloads.
    """
    config = dict(type='ResNet', depth=depth, out_indices=(1, 2, 3))
    if pretrained:
        config['init_cfg'] = dict(type='Pretrained', checkpoint=f'torchvision://resnet{depth}')
    channels = {18: (128, 256, 512), 50: (512, 1024, 2048)}[depth]
    imagenet = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)
    return DetectorBackbone(config, channels, (8, 16, 32), imagenet)


def backbone_of(path: str | Path, allow_pickle: bool = False) -> DetectorBackbone:
    """The backbone of a model, to begin with its weights.

    Args:
        path: Checkpoint of a few-shot, weak-shot or any other model that MMPose builds from the
            config in it.
        allow_pickle: As of :func:`~kpt_plugins.apis.checkpoint.load_checkpoint_safely`.

    Raises:
        FileNotFoundError, ValueError: If the file is missing or damaged, or its model has no
            backbone whose maps double their strides.
    """
    source = read_model_source(weights=path, allow_pickle=allow_pickle)
    config = source.cfg.model.to_dict().get('backbone')
    if not config or not any(key.startswith(_PREFIX) for key in source.state_dict):
        raise ValueError(f'{path}: the model in it has no backbone to begin with')
    config = {key: value for key, value in config.items() if key != 'init_cfg'}
    channels, strides = _levels(config, path)
    weights = str(Path(path).expanduser().resolve())
    config['init_cfg'] = dict(type='Pretrained', checkpoint=weights, prefix=_PREFIX)
    found = source.cfg.model.get('data_preprocessor', {})
    normalisation = {key: found[key] for key in _NORMALISATION if key in found}
    return DetectorBackbone(config, channels, strides, normalisation)


def _levels(config: dict, path: str | Path) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Channels and strides of a backbone's maps, seen in one pass."""
    size = 128
    backbone = MODELS.build(config)
    backbone.eval()
    with torch.no_grad():
        maps = backbone(torch.zeros(1, 3, size, size))
    kind = f'{path}: its backbone {config["type"]} gives'
    if not isinstance(maps, Sequence) or not all(
        isinstance(each, Tensor) and each.dim() == 4 for each in maps
    ):
        raise ValueError(f'{kind} no maps; expected those of a ResNet or a like network')
    strides = tuple(size // each.shape[-1] for each in maps)
    if any(coarse != 2 * fine for fine, coarse in zip(strides, strides[1:], strict=False)):
        raise ValueError(f'{kind} maps of strides {list(strides)}; expected each twice the last')
    return tuple(each.shape[1] for each in maps), strides
