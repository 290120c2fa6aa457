"""Ablation of FMMP on the synthetic novel categories: one change each, same budget, three seeds.

Trains and tests every variant of ``configs/fmmp_synth.py`` by ``tools/train.py`` and
``tools/test.py``, then writes ``benchmarks/results/fmmp_ablation.{md,png,json}``. It can be stopped
and started again at any moment: finished runs are kept, broken ones resumed.

Examples:
    python benchmarks/fmmp_ablation.py
    python benchmarks/fmmp_ablation.py --variants full zero --seeds 0 --jobs 1
    python benchmarks/fmmp_ablation.py --table-only
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ablation_report import ROTATIONS, write_report
from comparison import add_run_arguments, carry_out
from tool_processes import Processes, at_once, locked, wait_for
from training_log import training_minutes

from kpt_plugins.apis.run_config import load_config, walk_dicts

ROOT = Path(__file__).resolve().parents[1]
CONFIG = 'configs/fmmp_synth.py'
# The config's transforms of training and test episodes, its proposal's warm-up.
TRAIN_PADDING, TRAIN_REFERENCES = (f'train_dataloader.dataset.pipeline.{i}' for i in (0, 1))
TEST_PADDING, TEST_REFERENCES = (f'test_dataloader.dataset.pipeline.{i}' for i in (0, 1))
WARMUP = 'custom_hooks.4.num_epochs'
# What the scores of all runs depend on beside their variant and seed.
BASE_KEYS = (
    'model',
    'train_dataloader',
    'test_dataloader',
    'train_cfg',
    'optim_wrapper',
    'param_scheduler',
    'custom_hooks',
)
SEEDS = (0, 1, 2)
LOG_INTERVAL = 20


@dataclass(frozen=True)
class Variant:
    """One change of the full method: a line for the table, config entries, perhaps a config."""

    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    config: str = CONFIG


VARIANTS = {
    'full': Variant('full: mixup padding, skeleton references, 3 layers'),
    'zero': Variant(
        'zero padding, in training and test',
        {f'{TRAIN_PADDING}.mode': 'zero', f'{TEST_PADDING}.mode': 'zero'},
    ),
    'eqdiv': Variant('equal division padding in training', {f'{TRAIN_PADDING}.mode': 'eqdiv'}),
    'self': Variant(
        'self-only references',
        {f'{TRAIN_REFERENCES}.structure': 'self', f'{TEST_REFERENCES}.structure': 'self'},
    ),
    'one_layer': Variant('1 layer', {'model.head.num_layers': 1}),
    'centre': Variant(
        'centre start: no proposal, no warm-up', config='benchmarks/configs/fmmp_synth_centre.py'
    ),
}


@dataclass(frozen=True)
class Budget:
    """What every run may use: epochs, pairs an epoch; and the test, episodes a category."""

    epochs: int = 6
    warmup_epochs: int = 4
    episodes: int = 1600
    test_episodes: int = 10

    def options(self) -> dict[str, Any]:
        """The config entries, without the warm-up, which not every variant has."""
        return {
            'train_cfg.max_epochs': self.epochs,
            'param_scheduler.1.end': self.epochs,
            'param_scheduler.1.T_max': self.epochs,
            'train_dataloader.dataset.num_episodes': self.episodes,
            'test_dataloader.dataset.num_episodes': self.test_episodes,
            # A logged time is then the mean over just the iterations since the line before.
            'default_hooks.logger.interval': LOG_INTERVAL,
            'default_hooks.logger.ignore_last': False,
            'log_processor.window_size': LOG_INTERVAL,
        }

    def arguments(self) -> str:
        """The part of the command line that sets it."""
        return ' '.join(f'--{k.replace("_", "-")} {v}' for k, v in asdict(self).items())


@dataclass(frozen=True)
class Run:
    """A variant trained with a seed, in a folder of its own."""

    variant: str
    seed: int
    budget: Budget
    root: Path

    @property
    def name(self) -> str:
        return f'{self.variant}_seed{self.seed}'

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def config(self) -> Path:
        return ROOT / VARIANTS[self.variant].config

    @property
    def checkpoint(self) -> Path:
        """The last one: nothing is chosen by a validation."""
        return self.folder / f'epoch_{self.budget.epochs}.pth'

    def metrics(self, rotation: int) -> Path:
        return self.folder / f'metrics_rotation{rotation}.json'

    def options(self) -> dict[str, Any]:
        variant = VARIANTS[self.variant]
        warmup = {WARMUP: self.budget.warmup_epochs} if variant.config == CONFIG else {}
        return {**self.budget.options(), **warmup, **variant.options}

    def train_command(self) -> list[str]:
        """Train, or go on training."""
        start = ['train.py', self.config, '--work-dir', self.folder, '--seed', self.seed]
        return self._command(*start, '--no-validate', '--resume')

    def test_command(self, rotation: int) -> list[str]:
        """Test on the novel categories with queries turned by up to ``rotation`` degrees."""
        start = ['test.py', self.config, self.checkpoint, '--work-dir', self.folder / 'test']
        return self._command(*start, '--query-rotation', rotation, '--out', self.metrics(rotation))

    def _command(self, tool: str, *arguments: object) -> list[str]:
        options = [f'{key}={value}' for key, value in self.options().items()]
        arguments = (ROOT / 'tools' / tool, *arguments, '--cfg-options', *options)
        return [sys.executable, *map(str, arguments)]

    def experiment(self) -> dict[str, Any]:
        """All that its scores depend on, as JSON holds it."""
        cfg = load_config(
            ROOT / CONFIG, {**self.budget.options(), WARMUP: self.budget.warmup_epochs}
        )
        base = {key: cfg.to_dict()[key] for key in BASE_KEYS}
        for part in walk_dicts(base):
            part.pop('data_root', None)  # where the data lie, which is no part of the experiment
        variant = VARIANTS[self.variant]
        content = dict(
            variant=self.variant,
            seed=self.seed,
            config=variant.config,
            options=dict(variant.options),
            budget=asdict(self.budget),
            base=base,
        )
        return json.loads(json.dumps(content))

    def finished(self) -> bool:
        return all(self.metrics(rotation).is_file() for rotation in ROTATIONS)

    def state(self) -> str:
        """How far it is, in words."""
        if self.finished():
            return 'finished'
        if self.checkpoint.is_file():
            return 'trained, not tested'
        if not self.folder.is_dir():
            return 'not started'
        epochs = [int(p.stem.removeprefix('epoch_')) for p in self.folder.glob('epoch_*.pth')]
        return f'trained for {max(epochs)} epochs' if epochs else 'without a complete epoch'


def claim(run: Run) -> None:
    """Note in the run's folder what it is, or check that it is the same as what is there.

    Raises:
        RuntimeError: if the folder holds a run of another budget or config.
    """
    note, new = run.folder / 'experiment.json', run.experiment()
    if note.is_file():
        old = json.loads(note.read_text())
        if other := [key for key in new if old.get(key) != new[key]]:
            base = [k for k in BASE_KEYS if old.get('base', {}).get(k) != new['base'][k]]
            raise RuntimeError(
                f'{run.folder} holds a run with another {", ".join([*other, *base])}; remove it, '
                f'or choose another --work-dir'
            )
        return
    partial = note.with_suffix('.tmp')
    partial.write_text(json.dumps(new, indent=2) + '\n')
    partial.replace(note)


def execute(run: Run, processes: Processes) -> None:
    """Do what is left to do of a run.

    Raises:
        RuntimeError: if a tool fails, or the run's folder is not ours to use.
    """
    with locked(run.folder) as lock:
        claim(run)
        log = run.folder / 'console.log'
        if not run.finished() and not run.checkpoint.is_file():
            processes.run(run.train_command(), log, lock)
        for rotation in ROTATIONS:
            if not run.metrics(rotation).is_file():
                processes.run(run.test_command(rotation), log, lock)


def execute_all(runs: Sequence[Run], jobs: int) -> list[str]:
    """Execute runs, several at a time; returns what went wrong, a line a run."""
    with at_once(jobs) as (pool, processes):
        return wait_for({pool.submit(execute, run, processes): run.name for run in runs})


def collect(runs: Sequence[Run]) -> dict[str, Any]:
    """All that the table is made of.

    Raises:
        ValueError: if finished runs were made with different budgets or configs.
    """
    done, bases, missing = [], {}, {}
    for run in runs:
        if not run.finished():
            missing[run.name] = run.state()
            continue
        experiment = json.loads((run.folder / 'experiment.json').read_text())
        bases[run.name] = {key: experiment.pop(key) for key in ('budget', 'base')}
        scores = {str(r): slim(json.loads(run.metrics(r).read_text())) for r in ROTATIONS}
        minutes = round(training_minutes(run.folder), 2)
        done.append({**experiment, 'minutes': minutes, 'scores': scores})
    if not done:
        raise ValueError(f'no finished run in {runs[0].root}')
    first = next(iter(bases))
    if other := [name for name, base in bases.items() if base != bases[first]]:
        raise ValueError(f'{", ".join(other)} had another budget or config than {first}')
    budget = Budget(**bases[first]['budget'])
    return dict(
        command=f'python benchmarks/fmmp_ablation.py {budget.arguments()}',
        **bases[first],
        titles={name: variant.title for name, variant in VARIANTS.items()},
        runs=done,
        missing=missing,
    )


def slim(scores: dict[str, Any]) -> dict[str, Any]:
    """A test's scores with only mPCK for each category."""
    for part in scores.values():
        part['per_category'] = {
            values['name']: round(values['mPCK'], 5) for values in part['per_category'].values()
        }
    return scores


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Ablation of FMMP on the synthetic set.')
    parser.add_argument('--variants', nargs='+', choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument('--seeds', nargs='+', type=int, default=list(SEEDS))
    default = Budget()
    parser.add_argument('--epochs', type=int, default=default.epochs)
    parser.add_argument(
        '--warmup-epochs', type=int, default=default.warmup_epochs, help='of the epochs, the first'
    )
    parser.add_argument('--episodes', type=int, default=default.episodes, help='pairs an epoch')
    parser.add_argument(
        '--test-episodes', type=int, default=default.test_episodes, help='episodes a category'
    )
    add_run_arguments(parser, 'fmmp_ablation')
    args = parser.parse_args(argv)
    if not 0 <= args.warmup_epochs < args.epochs:
        parser.error(
            f'--warmup-epochs must be less than --epochs, got {args.warmup_epochs} and '
            f'{args.epochs}: no epoch would train the recurrence'
        )
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    budget = Budget(args.epochs, args.warmup_epochs, args.episodes, args.test_episodes)
    # All variants with one seed before the next seed: a partial table is a fair one.
    runs = [Run(v, s, budget, args.work_dir) for s in args.seeds for v in args.variants]

    def execute() -> list[str]:
        data_root = load_config(ROOT / CONFIG).data_root
        make = [sys.executable, ROOT / 'tools' / 'make_synthetic.py', '--out', data_root]
        subprocess.run(make, check=True)
        return execute_all(runs, args.jobs)

    def report() -> None:
        # The table names every run that it should have, not only those asked for now.
        seeds = sorted({*SEEDS, *args.seeds})
        table = [Run(v, s, budget, args.work_dir) for v in VARIANTS for s in seeds]
        write_report(collect(table), args.out)

    carry_out(args, execute, report)


if __name__ == '__main__':
    main()
