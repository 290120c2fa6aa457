"""The steps of incremental learning as runs of the ordinary tools."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from kpt_plugins.engine.hooks.parameter_importance_hook import FILE_NAME as IMPORTANCE_NAME
from kpt_plugins.engine.hooks.step_handover_hook import DETECTOR_NAME
from kpt_plugins.structures.keypoint_steps import KeypointSteps
from kpt_plugins.structures.step_manifest import (
    MANIFEST_NAME,
    StepManifest,
    read_manifest,
    sha256_of,
)

from .config_lookup import find_config
from .run_config import load_config, walk_dicts

ROW_NAME = 'row.json'
EXPERIMENT_NAME = 'experiment.json'
# What a step's detector depends on beside its parent and its seed.
EXPERIMENT_KEYS = (
    'model',
    'train_dataloader',
    'train_cfg',
    'optim_wrapper',
    'param_scheduler',
    'custom_hooks',
)
# Where things lie, which is no part of the experiment.
PLACES = ('data_root', 'parent', 'importance')
STEP_NAME = 'step{}'


@dataclass(frozen=True)
class StepRun:
    """One step: its config with the entries that place it in the sequence.

    Args:
        step (int): Its number.
        config (Path): Config file.
        names (Sequence[str]): Its keypoints, those of the steps before it first.
        options (Mapping): Config entries to override.
        folder (Path): Work directory.
        parent (Path | None): Folder of the step before; None for the base step.
    """

    step: int
    config: Path
    folder: Path
    parent: Path | None
    names: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def detector(self) -> Path:
        return self.folder / DETECTOR_NAME

    @property
    def row(self) -> Path:
        """The scores of this step's keypoints."""
        return self.folder / ROW_NAME

    def cfg_options(self) -> dict[str, Any]:
        """All overrides: the step's own, its parent and where the scores go."""
        options = {'test_evaluator.0.out_file': str(self.row), **self.options}
        if self.parent is not None:
            options['model.parent'] = str(self.parent / DETECTOR_NAME)
        return options

    def claim(self, seed: int) -> None:
        """Note in the step's folder what is trained there, or check that it is the same.

        Raises:
            ValueError: If the folder holds a step, finished or not, of another seed or config.
        """
        note, new = self.folder / EXPERIMENT_NAME, self._experiment(seed)
        if note.is_file():
            old = json.loads(note.read_text())
            if other := [key for key in new if old.get(key) != new[key]]:
                raise ValueError(
                    f'{self.folder} holds a step {self.step} with another {", ".join(other)}; '
                    f'remove it and the steps after it, or choose another --work-dir'
                )
        elif not (self.folder / MANIFEST_NAME).is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            partial = note.with_suffix('.partial')
            partial.write_text(json.dumps(new, indent=1) + '\n')
            partial.replace(note)

    def _experiment(self, seed: int) -> dict[str, Any]:
        cfg = load_config(self.config, self.cfg_options()).to_dict()
        content = {key: cfg.get(key) for key in EXPERIMENT_KEYS}
        for part in walk_dicts(content):
            for place in PLACES:
                part.pop(place, None)
        return json.loads(json.dumps(dict(content, seed=seed), default=str))

    def trained(self) -> bool:
        """Whether the step's detector is there and comes from the parent's.

        Raises:
            ValueError: If it has other keypoints, was trained from another parent, or the file was
                changed.
        """
        manifest = read_manifest(self.folder)
        if manifest is None:
            return False
        self._check(manifest)
        return True

    def _check(self, manifest: StepManifest) -> None:
        where = self.folder / MANIFEST_NAME
        if manifest.step != self.step:
            raise ValueError(f'{where} is of step {manifest.step}, expected step {self.step}')
        if not self.detector.is_file() or sha256_of(self.detector) != manifest.sha256:
            raise ValueError(f'{self.detector} is not the file that {where} describes; remove both')
        if tuple(manifest.seen_names) != tuple(self.names):
            raise ValueError(
                f'{where} has the keypoints {", ".join(manifest.seen_names)}, in this order, the '
                f'config {", ".join(self.names)}'
            )
        if self.parent is None:
            return
        parent = read_manifest(self.parent)
        if parent is None or parent.sha256 != manifest.parent_sha256:
            raise ValueError(
                f'{where}: step {self.step} was trained from another detector (sha256 '
                f'{(manifest.parent_sha256 or "none")[:12]}...) than the one now in {self.parent}; '
                f'remove {self.folder} and the steps after it to train them again'
            )


def plan_steps(
    configs: Sequence[str | Path],
    root: str | Path,
    options: Mapping[str, Any] | None = None,
) -> list[StepRun]:
    """The runs of a sequence, in order.

    Args:
        configs: A protocol config, which names the base step's config as ``base_config`` and
            stands for all later steps, ``step_triplets`` being the triplets of each step where
            they are given by name; or the configs of all steps in order.
        root: Folder of the sequence; the steps' folders are ``step0``, ``step1``, ... in it.
        options: Entries to override in every step after the base step.

    Raises:
        ValueError: If the configs are not those of steps 0, 1, ... of one sequence.
    """
    root = Path(root)
    files = [find_config(config) for config in configs]
    loaded = [load_config(file) for file in files]
    if len(files) == 1:
        protocol, file = loaded[0], files[0]
        if 'base_config' not in protocol:
            raise ValueError(
                f"{file} is no protocol config, it has no base_config; give the steps' configs, "
                f'all of them in order'
            )
        steps = KeypointSteps(protocol.model.steps)
        files = [file.parent / protocol.base_config, *[file] * (len(steps) - 1)]
        loaded = [protocol] * len(steps)
        extras = [{}, *[_step_options(protocol, t) for t in range(1, len(steps))]]
    else:
        _check_sequence(files, loaded)
        steps = KeypointSteps(step_dataset(loaded[0], 'train_dataloader')[1].steps)
        extras = [{} for _ in files]
    runs = []
    for step, (file, cfg, extra) in enumerate(zip(files, loaded, extras, strict=True)):
        folder = root / STEP_NAME.format(step)
        parent = runs[-1].folder if runs else None
        if parent is not None and cfg.model.get('regularizer'):
            extra['model.regularizer.importance'] = str(parent / IMPORTANCE_NAME)
        chosen = {**extra, **(options or {})} if step else {}
        names = steps.names(step)
        runs.append(StepRun(step, file, folder, parent, names, chosen))
    return runs


def _step_options(protocol: Config, step: int) -> dict[str, Any]:
    options = {'model.step': step}
    if 'step_triplets' in protocol:
        options['model.triplets'] = protocol.step_triplets[step]
    for loader in ('train_dataloader', 'test_dataloader'):
        options[f'{step_dataset(protocol, loader)[0]}.step'] = step
    return options


def step_dataset(cfg: Config, loader: str) -> tuple[str, Any]:
    """Where a loader's config has its step dataset, which may be repeated, and its config."""
    key, dataset = f'{loader}.dataset', cfg[loader].dataset
    while dataset.get('type') == 'RepeatDataset':
        key, dataset = f'{key}.dataset', dataset.dataset
    return key, dataset


def _check_sequence(files: Sequence[Path], loaded: Sequence[Config]) -> None:
    for number, (file, cfg) in enumerate(zip(files, loaded, strict=True)):
        _, dataset = step_dataset(cfg, 'train_dataloader')
        if dataset.get('type') != 'KeypointStepDataset':
            raise ValueError(
                f'{file}: train_dataloader.dataset is no KeypointStepDataset but '
                f'{dataset.get("type")!r}'
            )
        if dataset.step != number:
            raise ValueError(
                f'{file} is of step {dataset.step}, but was given as step {number}; the order of '
                f'the configs is that of the steps'
            )
        if dataset.steps != step_dataset(loaded[0], 'train_dataloader')[1].steps:
            raise ValueError(f'{file} has other steps than {files[0]}')
