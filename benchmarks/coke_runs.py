"""Runs of CoKe's comparison: what is trained on what, from which trunk, and how it is tested."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from coke_report import LEVELS
from fmmp_ablation import BASE_KEYS

from kpt_plugins.apis.run_config import load_config, walk_dicts

ROOT = Path(__file__).resolve().parents[1]
DATA = {
    'cattle': 'coke_livestock_cattle',
    'horse': 'coke_livestock_horse',
    'sheep': 'coke_livestock_sheep',
    'synth': 'coke_synth',
}
"""CoKe's config of each data set; those of the other models are called the same and more."""
ABLATED = 'cattle'
LOG_INTERVAL = 20


@dataclass(frozen=True)
class Variant:
    """A line of a table: its title, the end of its config's name, config entries."""

    title: str
    suffix: str = ''
    options: Mapping[str, Any] = field(default_factory=dict)


MODELS = {
    'coke': Variant('CoKe'),
    'heatmap': Variant('heatmaps, same extractor', '_heatmap'),
    'simplebaseline': Variant('SimpleBaseline', '_simplebaseline'),
}
ABLATIONS = {
    'no_clutter': Variant('without clutter bank', options={'model.head.clutter': None}),
    'batch_only': Variant(
        'batch features only: momentum 0', options={'model.head.bank.momentum': 0}
    ),
    'cma': Variant(
        'cumulative average, reset every epoch',
        options={'model.head.bank.mode': 'cma', 'model.head.bank.reset': 'epoch'},
    ),
    'bilinear': Variant('bilinear sampling', options={'model.head.sampling': 'bilinear'}),
    'no_spatial': Variant(
        'without the spatial term (faithful profile)',
        options={'model.head.loss.spatial_weight': 0},
    ),
}
CHOSEN_ON = 'sheep'
STRIDE_8 = {
    'model.backbone.out_indices': (1, 2),
    'model.neck.in_channels': (64, 128),
    'model.head.decoder.stride': 8,
    'train_dataloader.dataset.pipeline.7.encoder.stride': 8,
}
CHOICES = {
    'outside': Variant('clutter outside the box alone', options={'model.head.noise_inside': 0.0}),
    'inside': Variant('clutter inside the box alone', options={'model.head.noise_inside': 1.0}),
    'far': Variant('clutter 3 cells or more away', options={'model.head.exclude_radius': 3}),
    'small_bank': Variant('a tenth of the clutter', options={'model.head.clutter.size': 256}),
    'large_bank': Variant('four times the clutter', options={'model.head.clutter.size': 10240}),
    'cool': Variant(
        'temperature 0.03 in place of 0.07', options={'model.head.loss.temperature': 0.03}
    ),
    'stride8': Variant('cells of 8 px in place of 4', options=STRIDE_8),
}
"""What the specification leaves open, each beside CoKe as its config has it."""


@dataclass(frozen=True)
class Budget:
    """What every run may use: epochs, the synthetic set's images and the rate; the trunks' epochs.

    The rate is below the configs' own, which train from scratch.
    """

    epochs: int = 20
    synth_images: int = 500
    lr: float = 5e-4
    trunk_epochs: int = 15

    def arguments(self) -> str:
        """The part of the command line that sets it."""
        return ' '.join(f'--{k.replace("_", "-")} {v}' for k, v in asdict(self).items())


def length(epochs: int) -> dict[str, Any]:
    """Config entries for a training's length, and for the log that its time is read from."""
    return {
        'train_cfg.max_epochs': epochs,
        'param_scheduler.1.end': epochs,
        'param_scheduler.1.T_max': epochs,
        # A logged time is then the mean over just the iterations since the line before.
        'default_hooks.logger.interval': LOG_INTERVAL,
        'default_hooks.logger.ignore_last': False,
        'log_processor.window_size': LOG_INTERVAL,
    }


def command(tool: str, *arguments: object, options: Mapping[str, Any]) -> list[str]:
    given = [f'{key}={value}' for key, value in options.items()]
    end = ['--cfg-options', *given] if given else []
    return [sys.executable, *map(str, (ROOT / 'tools' / tool, *arguments, *end))]


def contents(config: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """What of a config scores depend on, without the places of files."""
    cfg = load_config(config, options).to_dict()
    base = {key: cfg.get(key) for key in BASE_KEYS}
    for part in walk_dicts(base):
        part.pop('data_root', None)
        part.pop('checkpoint', None)
    return base


@dataclass(frozen=True)
class Trunk:
    """The backbone that all models of a data set start from, in a folder of its own."""

    data: str
    budget: Budget
    root: Path

    @property
    def name(self) -> str:
        return f'trunk_for_{self.data}'

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def config(self) -> Path:
        return ROOT / 'benchmarks' / 'configs' / f'{self.name}.py'

    @property
    def checkpoint(self) -> Path:
        return self.folder / f'epoch_{self.budget.trunk_epochs}.pth'

    def steps(self) -> list[tuple[Path, list[str]]]:
        """What is to be done: the last file that a command leaves, and the command."""
        start = ('train.py', self.config, '--work-dir', self.folder, '--seed', 0, '--resume')
        return [(self.checkpoint, command(*start, options=length(self.budget.trunk_epochs)))]

    def experiment(self) -> dict[str, Any]:
        """All that it depends on, as JSON holds it."""
        base = contents(self.config, length(self.budget.trunk_epochs))
        return json.loads(json.dumps(dict(name=self.name, base=base)))


@dataclass(frozen=True)
class Run:
    """A model, or an ablation of CoKe, trained on a data set with a seed, in its own folder."""

    data: str
    variant: str
    seed: int
    budget: Budget
    root: Path

    @property
    def name(self) -> str:
        return f'{self.data}_{self.variant}_seed{self.seed}'

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def trunk(self) -> Trunk:
        return Trunk(self.data, self.budget, self.root)

    @property
    def config(self) -> Path:
        return ROOT / 'configs' / f'{DATA[self.data]}{self._variant.suffix}.py'

    @property
    def checkpoint(self) -> Path:
        """The last one: nothing is chosen by a validation."""
        return self.folder / f'epoch_{self.budget.epochs}.pth'

    @property
    def scores(self) -> Path:
        return self.folder / 'occlusion' / 'levels.json'

    @property
    def options(self) -> Mapping[str, Any]:
        """Config entries that make the variant."""
        return self._variant.options

    @property
    def _variant(self) -> Variant:
        return (MODELS | ABLATIONS | CHOICES)[self.variant]

    def training_options(self) -> dict[str, Any]:
        weights = dict(type='Pretrained', checkpoint=self.trunk.checkpoint, prefix='backbone.')
        options = {f'model.backbone.init_cfg.{key}': value for key, value in weights.items()}
        options |= {'optim_wrapper.optimizer.lr': self.budget.lr, **length(self.budget.epochs)}
        if self.data == 'synth':
            options['train_dataloader.dataset.indices'] = self.budget.synth_images
        return {**options, **self.options}

    def steps(self) -> list[tuple[Path, list[str]]]:
        """What is to be done: the last file that a command leaves, and the command."""
        start = ('train.py', self.config, '--work-dir', self.folder, '--seed', self.seed)
        train = command(*start, '--resume', options=self.training_options())
        start = ('occlusion_benchmark.py', self.config, self.checkpoint, '--levels', *LEVELS)
        test = command(*start, '--out', self.scores.parent, options=self.options)
        return [(self.checkpoint, train), (self.scores.with_name('roc.png'), test)]

    def experiment(self) -> dict[str, Any]:
        """All that its scores depend on, as JSON holds it."""
        content = dict(
            data=self.data,
            variant=self.variant,
            seed=self.seed,
            config=str(self.config.relative_to(ROOT)),
            options=dict(self.options),
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
        return ('finished', 'trained, not tested', 'not trained to the end')[len(left)]
