"""Configs that the tools for weak-shot models take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmpose.registry import DATASETS, MODELS

from kpt_plugins.datasets.category_pair_dataset import CategoryPairDataset
from kpt_plugins.models.pose_estimators.weak_shot_pose_estimator import WeakShotPoseEstimator
from kpt_plugins.structures.registered import registered_class

from .run_config import load_config


def load_weak_shot_config(path: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """A config by :func:`~kpt_plugins.apis.run_config.load_config`.

    Raises:
        ValueError: If it is one of another method.
    """
    cfg = load_config(path, options)
    parts = (
        ('model', MODELS, WeakShotPoseEstimator),
        ('test_dataloader.dataset', DATASETS, CategoryPairDataset),
    )
    for place, registry, expected in parts:
        name = cfg.to_dict()
        for key in (*place.split('.'), 'type'):
            name = name.get(key) if isinstance(name, Mapping) else None
        if not issubclass(registered_class(registry, name) or object, expected):
            raise ValueError(
                f'{path}: {place}.type is {name!r}, expected a {expected.__name__} as in the '
                f'configs weakshot_*.py'
            )
    return cfg
