"""The network that a detector begins with: a ResNet, or that of another model of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmpose.models.backbones import ResNet
from mmpose.registry import MODELS
from torch import Tensor

from kpt_plugins.structures.registered import registered_class

from .checkpoint import load_checkpoint_safely
from .config_text import checkpoint_config

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

    Of a ResNet of which the model takes the last map alone, the two before it are taken too.

    Args:
        path: Checkpoint of a few-shot, weak-shot or any other model that MMPose builds from the
            config in it.
        allow_pickle: As of :func:`~kpt_plugins.apis.checkpoint.load_checkpoint_safely`.

    Raises:
        FileNotFoundError, ValueError: If the file is missing or damaged, or its model has no
            backbone that can be built here, whose maps double their strides.
    """
    checkpoint = load_checkpoint_safely(path, 'cpu', allow_pickle)
    advice = 'its backbone is not known then, and cannot be taken'
    cfg = checkpoint_config(checkpoint, path, ('default_scope', 'model'), advice)
    model = cfg.get('model') or {}
    config = dict(model.get('backbone') or {})
    state = checkpoint.get('state_dict', checkpoint)
    if 'type' not in config or not any(key.startswith(_PREFIX) for key in state):
        raise ValueError(f'{path}: the model in it has no backbone to begin with')
    config.pop('init_cfg', None)
    if issubclass(registered_class(MODELS, config['type']) or object, ResNet):
        stages = config.get('out_indices', (3,))
        if isinstance(stages, Sequence) and len(stages) == 1:
            config['out_indices'] = tuple(range(max(0, stages[0] - 2), stages[0] + 1))
    channels, strides = _levels(config, path)
    weights = str(Path(path).expanduser().resolve())
    config['init_cfg'] = dict(type='Pretrained', checkpoint=weights, prefix=_PREFIX)
    images = model.get('data_preprocessor') or {}
    normalisation = {key: images[key] for key in _NORMALISATION if key in images}
    return DetectorBackbone(config, channels, strides, normalisation)


def _levels(config: dict, path: str | Path) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Channels and strides of a backbone's maps, seen in one pass."""
    size = 128
    kind = f'{path}: its backbone {config["type"]}'
    try:
        backbone = MODELS.build(config)
        backbone.eval()
        with torch.no_grad():
            maps = backbone(torch.zeros(1, 3, size, size))
    except Exception as error:  # whatever a part from elsewhere may raise
        raise ValueError(f'{kind} cannot be built: {type(error).__name__}: {error}') from error
    if not isinstance(maps, Sequence) or not all(
        isinstance(each, Tensor) and each.dim() == 4 for each in maps
    ):
        raise ValueError(f'{kind} gives no maps; expected those of a ResNet or a like network')
    strides = tuple(size // each.shape[-1] for each in maps)
    if any(coarse != 2 * fine for fine, coarse in zip(strides, strides[1:], strict=False)):
        raise ValueError(
            f'{kind} gives maps of strides {list(strides)}; expected each twice the last'
        )
    return tuple(each.shape[1] for each in maps), strides
