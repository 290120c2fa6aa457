"""A few-shot model and its config, from a checkpoint, a config, or both."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from torch import nn

from .model_loading import build_model
from .model_source import read_model_source


def load_few_shot_model(
    model: str | Path | Config | dict | None = None,
    weights: str | Path | None = None,
    allow_pickle: bool = False,
) -> tuple[Config, nn.Module]:
    """The config and the model on the CPU, in evaluation mode.

    Args:
        model, weights, allow_pickle: As of
            :func:`~kpt_plugins.apis.model_source.read_model_source`. Without ``weights`` those of
            the model are random.

    Raises:
        FileNotFoundError, ValueError: If config or checkpoint is missing, damaged, or not of a
            few-shot model, or they do not fit each other.
    """
    source = read_model_source(model, weights, allow_pickle)
    source.require_kind('few-shot')
    built = build_model(source.cfg)
    source.load_weights(built)
    return source.cfg, built
