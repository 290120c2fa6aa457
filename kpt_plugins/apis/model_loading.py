"""A model and its data, ready to use, from a config."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS
from mmpose.structures import PoseDataSample
from torch import nn
from torch.utils.data import Dataset

from kpt_plugins.models.checkpoint_mismatch import CheckpointMismatchError

from .checkpoint import load_checkpoint_safely


def find_device(name: str | torch.device | None = None) -> torch.device:
    """A device that works, to be asked for before a model is loaded.

    Args:
        name: As in PyTorch; by default a GPU if there is one.

    Raises:
        ValueError: If PyTorch knows no such device, or finds none on this machine.
    """
    try:
        device = torch.device(name or get_device())
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:
        raise ValueError(
            f'device {str(name)!r} cannot be used, PyTorch finds {torch.cuda.device_count()} CUDA '
            f'devices: {str(error).partition(chr(10))[0]}'
        ) from error
    return device


def build_model(cfg: Config, init_weights: bool = False) -> nn.Module:
    """The model of a config in evaluation mode, its weights random unless ``init_weights``.

    Args:
        cfg: a whole experiment config.
        init_weights: run the parts' ``init_cfg``, which may download pretrained weights.
    """
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    model = MODELS.build(cfg.model)
    if init_weights:
        model.init_weights()
    return model.eval()


def load_model(
    cfg: Config,
    checkpoint: str | Path,
    device: str | torch.device = 'cpu',
    allow_pickle: bool = False,
) -> nn.Module:
    """The model of a config with the weights of a checkpoint, in evaluation mode.

    Raises:
        FileNotFoundError, ValueError: as :func:`load_checkpoint_safely`.
        ValueError: if the weights are not those of this model, or there is no such device.
    """
    device = find_device(device)
    model = build_model(cfg)
    content = load_checkpoint_safely(checkpoint, 'cpu', allow_pickle)
    try:
        model.load_state_dict(content.get('state_dict', content))
    except (RuntimeError, CheckpointMismatchError) as error:
        raise wrong_weights(error, checkpoint, cfg) from error
    return model.to(device)


def wrong_weights(
    error: RuntimeError | CheckpointMismatchError, checkpoint: str | Path, cfg: Config
) -> ValueError:
    """What to raise in place of the error of a strict ``load_state_dict``: with the file and the
    config, and of PyTorch's or MMEngine's, which lists every parameter, the first few."""
    lines = [line.strip(' \t.') for line in str(error).splitlines()[1:] if line.strip()]
    shapes = [line for line in lines if line.startswith('size mismatch')]
    # Missing ones, and ones that the model has not: a line each.
    lists = [_first(line.split(', '), ', ') for line in lines if line not in shapes]
    reasons = [*lists, *([_first(shapes, '; ')] if shapes else [])] or [str(error)]
    config = cfg.filename or 'this config'
    return ValueError(
        f'{checkpoint} has not the weights of the model of {config}: {"; ".join(reasons)}'
    )


def _first(items: list[str], separator: str, number: int = 3) -> str:
    more = f'{separator}and {len(items) - number} more' if len(items) > number else ''
    return separator.join(items[:number]) + more


def build_dataset(cfg: Config, part: str) -> Dataset:
    """The dataset of ``'train'``, ``'val'`` or ``'test'``, as the runner would build it.

    Raises:
        ValueError: if the config has no such dataloader.
    """
    loader = cfg.get(f'{part}_dataloader')
    if not loader:
        raise ValueError(f'the config has no {part}_dataloader')
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    return DATASETS.build(loader.dataset)


@torch.no_grad()
def predict_items(model: nn.Module, items: list[dict]) -> list[PoseDataSample]:
    """Predictions of dataset items, as a batch.

    Args:
        model: as :func:`load_model` returns it.
        items: ``dataset[i]`` dicts with ``inputs`` and ``data_samples``.

    Returns:
        The data samples with ``pred_instances``, in the order of the items.
    """
    return model.test_step(pseudo_collate(items))
