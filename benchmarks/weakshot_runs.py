"""Runs of the weak-shot ablation: what is trained on what, with which losses, and how tested."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from coke_runs import ROOT, command, contents, length

from kpt_plugins.apis.checkpoint import find_resume_checkpoint
from kpt_plugins.apis.run_config import load_config

DATA = {
    name: ROOT / 'benchmarks' / 'configs' / f'weakshot_{name}.py' for name in ('synth', 'minicape')
}
REFERENCE, ORACLE = 'base', 'oracle'
NOVEL_LOSSES = ('equivariance', 'localization', 'consistency', 'guiding')


@dataclass(frozen=True)
class Row:
    """A line of a table: its title and the config entries that make it."""

    title: str
    options: Mapping[str, Any] = field(default_factory=dict)


def with_losses(*names: str) -> dict[str, None]:
    """Config entries that leave out all novel losses but these."""
    return {f'model.losses.{name}': None for name in NOVEL_LOSSES if name not in names}


ROWS = {
    REFERENCE: Row('base only', with_losses()),
    'nu': Row('+ L_NU', with_losses('equivariance', 'localization')),
    'nc': Row('+ L_NC', with_losses('consistency')),
    'ng': Row('+ L_NG', with_losses('guiding')),
    'full': Row('full'),
    ORACLE: Row('Oracle', {**with_losses(), 'train_dataloader.dataset.novel_labels': True}),
}
"""Each of the middle three has one of the full method's novel losses beside the base ones."""


@dataclass(frozen=True)
class Budget:
    """What every run may use: epochs, and pairs an epoch, half of them base pairs."""

    epochs: int = 10
    pairs: int = 1600

    def arguments(self) -> str:
        """The part of the command line that sets it."""
        return ' '.join(f'--{k} {v}' for k, v in asdict(self).items())


@dataclass(frozen=True)
class Trunk:
    """The few-shot model whose backbone all runs start from: ``make demo``'s.

    It is trained on the base categories of the synthetic set, and knows nothing of the novel ones
    or of real images.
    """

    root: Path
    name = 'trunk'
    config = ROOT / 'configs' / 'fmmp_synth.py'

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def checkpoint(self) -> Path:
        return self.folder / f'epoch_{load_config(self.config).max_epochs}.pth'

    def steps(self) -> list[tuple[Path, list[str]]]:
        """What is to be done: the last file that a command leaves, and the command."""
        start = ('train.py', self.config, '--work-dir', self.folder, '--seed', 0)
        train = command(*start, '--no-validate', '--resume', options={})
        return [(self.checkpoint, train)]

    def experiment(self) -> dict[str, Any]:
        """All that it depends on, as JSON holds it."""
        return json.loads(json.dumps(dict(name=self.name, base=contents(self.config, {}))))


@dataclass(frozen=True)
class Run:
    """A row trained on a data set with a seed, in a folder of its own."""

    data: str
    row: str
    seed: int
    budget: Budget
    root: Path

    @property
    def name(self) -> str:
        return f'{self.data}_{self.row}_seed{self.seed}'

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def config(self) -> Path:
        return DATA[self.data]

    @property
    def checkpoint(self) -> Path:
        """The last one: nothing is chosen by a validation."""
        return self.folder / f'epoch_{self.budget.epochs}.pth'

    @property
    def shared_epochs(self) -> int:
        """Whole epochs before the novel losses begin."""
        hooks = load_config(self.config).custom_hooks
        (begin,) = (hook.begin for hook in hooks if hook.type == 'NovelWarmupHook')
        return math.floor(begin * self.budget.epochs)

    @property
    def start(self) -> Run | None:
        """Base only, if its first epochs are this run's too.

        Before the novel losses begin, novel images are not looked at, except by the Oracle.
        """
        if self.row in (REFERENCE, ORACLE) or not self.shared_epochs:
            return None
        return replace(self, row=REFERENCE)

    @property
    def trunk(self) -> Trunk:
        return Trunk(self.root)

    @property
    def scores(self) -> Path:
        return self.folder / 'scores.json'

    @property
    def probes(self) -> Path:
        return self.folder / 'probes.json'

    def training_options(self) -> dict[str, Any]:
        weights = dict(type='Pretrained', checkpoint=self.trunk.checkpoint, prefix='backbone.')
        return {
            **{f'model.backbone.init_cfg.{key}': value for key, value in weights.items()},
            **length(self.budget.epochs),
            'default_hooks.checkpoint.max_keep_ckpts': -1,  # other rows go on from one
            'train_dataloader.dataset.num_pairs': self.budget.pairs,
            # of the pairs drawn; the division into training and test images stays the same
            'train_dataloader.dataset.seed': self.seed,
            **ROWS[self.row].options,
        }

    def steps(self) -> list[tuple[Path, list[str]]]:
        """What is to be done: the file that a command leaves, and the command."""
        start = ('train.py', self.config, '--work-dir', self.folder, '--seed', self.seed)
        start += ('--no-validate', '--resume')
        if self.start and find_resume_checkpoint(self.folder) is None:
            start += (self.start.folder / f'epoch_{self.shared_epochs}.pth',)
        train = command(*start, options=self.training_options())
        # the training set is not built for a test, its entries would be for nothing
        options = {k: v for k, v in ROWS[self.row].options.items() if k.startswith('model.')}
        start = ('test.py', self.config, self.checkpoint, '--work-dir', self.folder / 'test')
        test = command(*start, '--out', self.scores, options=options)
        start = ('analysis/probe_weakshot.py', self.config, self.checkpoint)
        probe = command(*start, '--out', self.probes, options=options)
        return [(self.checkpoint, train), (self.scores, test), (self.probes, probe)]

    def experiment(self) -> dict[str, Any]:
        """All that its scores depend on, as JSON holds it."""
        content = dict(
            data=self.data,
            row=self.row,
            seed=self.seed,
            config=str(self.config.relative_to(ROOT)),
            options=dict(ROWS[self.row].options),
            budget=asdict(self.budget),
            trunk=self.trunk.experiment(),
            base=contents(self.config, self.training_options()),
        )
        return json.loads(json.dumps(content))

    def state(self) -> str:
        """How far it is, in words."""
        note = self.folder / 'experiment.json'
        if not note.is_file():
            return 'not started'
        if json.loads(note.read_text()) != self.experiment():
            return 'made with another budget or config'
        left = [file for file, _ in self.steps() if not file.is_file()]
        states = ('finished', 'tested, not probed', 'trained, not tested')
        return states[len(left)] if len(left) < len(states) else 'not trained to the end'
