"""A weak-shot model for prediction, from a checkpoint, a config, or both."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from torch import nn

from kpt_plugins.models.pose_estimators.weak_shot_pose_estimator import prediction_state_dict

from .model_loading import build_model
from .model_source import ModelSource, read_model_source


def load_weak_shot_model(
    model: str | Path | Config | dict | None = None,
    weights: str | Path | None = None,
    allow_pickle: bool = False,
) -> tuple[ModelSource, nn.Module]:
    """What was read, and the model on the CPU, in evaluation mode.

    It has the part that predicts, so that whole checkpoints and those with this part alone load
    alike.

    Args:
        model, weights, allow_pickle: As of
            :func:`~kpt_plugins.apis.model_source.read_model_source`. Without ``weights`` those of
            the model are random.

    Raises:
        FileNotFoundError, ValueError: If config or checkpoint is missing, damaged, or not of a
            weak-shot model, or they do not fit each other.
    """
    source = read_model_source(model, weights, allow_pickle)
    source.require_kind('weak-shot')
    cfg = source.cfg.copy()
    training = dict(keyness=None, correspondence=None, assigner=None, losses=None)
    cfg.model = {**cfg.model, **training}
    built = build_model(cfg)
    source.load_weights(built, prediction_state_dict)
    return source, built
