"""Config and weights of a model, from a checkpoint, a config, or both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmpose.models import TopdownPoseEstimator
from mmpose.registry import MODELS
from torch import nn

from kpt_plugins.models.pose_estimators.few_shot_pose_estimator import FewShotPoseEstimator
from kpt_plugins.models.pose_estimators.weak_shot_pose_estimator import WeakShotPoseEstimator
from kpt_plugins.structures.registered import registered_class

from .checkpoint import load_checkpoint_safely
from .config_text import checkpoint_config
from .model_loading import wrong_weights
from .run_config import load_config

_ESTIMATORS = {
    'few-shot model': FewShotPoseEstimator,
    'weak-shot model': WeakShotPoseEstimator,
    'detector': TopdownPoseEstimator,
}
_ADVICE = {
    'few-shot model': 'which needs annotated supports: FewShotInferencer, or --support',
    'weak-shot model': 'which takes no supports: WeakShotInferencer, or predict without --support',
    'detector': 'which takes no supports: DetectorInferencer, or predict without --support',
}


@dataclass(frozen=True)
class ModelSource:
    """What a model is built from.

    Attributes:
        cfg: The config, with ``model``.
        where: File or name of the config, for messages.
        weights: Checkpoint file, None without one.
        state_dict: Its weights, None without one.
        meta: Its meta, possibly empty.
    """

    cfg: Config
    where: str
    weights: str | Path | None = None
    state_dict: Mapping[str, Any] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """``'few-shot model'``, ``'weak-shot model'`` or ``'detector'``, a top-down one.

        Raises:
            ValueError: If the model is none of these.
        """
        name = self.cfg.model.get('type')
        estimator = registered_class(MODELS, name)
        if estimator is None:
            raise ValueError(
                f'{self.where}: model.type is {name!r}, which is not registered; import the '
                f'package that has it'
            )
        for kind, base in _ESTIMATORS.items():
            if issubclass(estimator, base):
                return kind
        raise ValueError(
            f'{self.where}: {name} is no {", ".join(_ESTIMATORS)}; it may go through '
            f'MMPoseInferencer'
        )

    def require_kind(self, kind: str) -> None:
        """Refuse models of another :attr:`kind`.

        Raises:
            ValueError: Naming what takes the model.
        """
        found = self.kind
        if found != kind:
            raise ValueError(f'{self.where}: {self.cfg.model.type} is a {found}, {_ADVICE[found]}')

    def load_weights(
        self, model: nn.Module, choose: Callable[[Mapping], Mapping] | None = None
    ) -> None:
        """Give a model its weights; without any it stays random, with a warning.

        Args:
            model: Built from the config.
            choose: Makes of the whole state dict the part that the model has; by default all.

        Raises:
            ValueError: If they are not those of the model.
        """
        if self.state_dict is None:
            print_log(f'{self.where}: no weights are given, the model is random', 'current', 30)
            return
        try:
            model.load_state_dict(choose(self.state_dict) if choose else self.state_dict)
        except RuntimeError as error:
            raise wrong_weights(error, self.weights, self.cfg) from error


def read_model_source(
    model: str | Path | Config | dict | None = None,
    weights: str | Path | None = None,
    allow_pickle: bool = False,
) -> ModelSource:
    """Read config and checkpoint.

    Args:
        model: Config file, name of a shipped config, or the config itself; by default the one in
            the checkpoint, of which ``default_scope``, ``model`` and ``test_dataloader`` are read.
        weights: Checkpoint file. Without it, ``model`` is needed.
        allow_pickle: As of :func:`~kpt_plugins.apis.checkpoint.load_checkpoint_safely`.

    Raises:
        FileNotFoundError, ValueError: If config or checkpoint is missing or damaged, or the config
            has no model.
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
    where = str(cfg.filename or weights or 'the config')
    if not cfg.get('model'):
        raise ValueError(f'{where}: there is no model in the config')
    if checkpoint is None:
        return ModelSource(cfg, where)
    meta = checkpoint.get('meta')
    return ModelSource(
        cfg,
        where,
        weights,
        checkpoint.get('state_dict', checkpoint),
        meta if isinstance(meta, Mapping) else {},
    )
