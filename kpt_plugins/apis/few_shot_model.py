"""A few-shot model and its config, from a checkpoint, a config, or both."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log
from torch import nn

from .checkpoint import load_checkpoint_safely
from .config_text import checkpoint_config
from .model_loading import build_model, wrong_weights
from .run_config import load_config


def load_few_shot_model(
    model: str | Path | Config | dict | None = None,
    weights: str | Path | None = None,
    allow_pickle: bool = False,
) -> tuple[Config, nn.Module]:
    """The config and the model on the CPU, in evaluation mode.

    Args:
        model: Config file, name of a shipped config, or the config itself; by default the one in
            the checkpoint, of which ``default_scope``, ``model`` and ``test_dataloader`` are read.
        weights: Checkpoint file. Without it, ``model`` is needed and its weights are random.
        allow_pickle: As of :func:`~kpt_plugins.apis.checkpoint.load_checkpoint_safely`.

    Raises:
        FileNotFoundError, ValueError: If config or checkpoint is missing, damaged, or not of a
            few-shot model, or they do not fit each other.
    """
    if model is None and weights is None:
        raise ValueError('model=None, weights=None: expected a checkpoint, or a config, or both')
    checkpoint = None
    if weights is not None:
        checkpoint = load_checkpoint_safely(weights, 'cpu', allow_pickle)
    if model is None:
        entries = ('default_scope', 'model', 'test_dataloader')
        cfg = checkpoint_config(checkpoint, weights, entries)
    elif isinstance(model, (str, Path)):
        cfg = load_config(model)
    else:
        cfg = model if isinstance(model, Config) else Config(dict(model))
    where = cfg.filename or weights or 'the config'
    if not cfg.get('model'):
        raise ValueError(f'{where}: there is no model in the config')
    built = build_model(cfg)
    if not hasattr(built, 'encode_support'):
        raise ValueError(
            f'{where}: {cfg.model.type} is no few-shot model; detectors go through MMPoseInferencer'
        )
    if checkpoint is None:
        print_log(f'{where}: no weights are given, the model is random', 'current', 30)
        return cfg, built
    try:
        built.load_state_dict(checkpoint.get('state_dict', checkpoint))
    except RuntimeError as error:
        raise wrong_weights(error, weights, cfg) from error
    return cfg, built
