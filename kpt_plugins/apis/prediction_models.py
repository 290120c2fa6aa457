"""Models that predict, of what was read of them."""

from __future__ import annotations

from torch import nn

from kpt_plugins.models.pose_estimators.weak_shot_pose_estimator import prediction_state_dict

from .model_loading import build_model
from .model_source import ModelSource


def build_few_shot_model(source: ModelSource) -> nn.Module:
    """A few-shot model on the CPU, in evaluation mode; random where the source has no weights.

    Raises:
        ValueError: If the source is not of a few-shot model, or its weights do not fit its config.
    """
    source.require_kind('few-shot model')
    model = build_model(source.cfg)
    source.load_weights(model)
    return model


def build_detector(source: ModelSource) -> nn.Module:
    """A top-down detector on the CPU, in evaluation mode; random where the source has no weights.

    Raises:
        ValueError: If the source is not of a detector, or its weights do not fit its config.
    """
    source.require_kind('detector')
    model = build_model(source.cfg)
    source.load_weights(model)
    return model


def build_weak_shot_model(source: ModelSource) -> nn.Module:
    """The part of a weak-shot model that predicts, on the CPU, in evaluation mode; random where the
    source has no weights. Whole checkpoints and those with this part alone load alike.

    Raises:
        ValueError: If the source is not of a weak-shot model, or its weights do not fit its config.
    """
    source.require_kind('weak-shot model')
    cfg = source.cfg.copy()
    training = dict(keyness=None, correspondence=None, assigner=None, losses=None)
    cfg.model = {**cfg.model, **training}
    model = build_model(cfg)
    source.load_weights(model, prediction_state_dict)
    return model
