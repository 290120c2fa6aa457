"""What CoKe's specification leaves open, tried on validation images.

Where clutter is drawn, the size of its bank, temperature, stride.

Trains CoKe on sheep, where its seeds differ least, as its config has it and with one change each,
and heatmaps from the same extractor, with one seed from one trunk as ``coke_occlusion.py`` does, in
the same folders: what that has trained is not trained again. Tests on the validation images at the
levels 0 and 2. Writes ``benchmarks/results/coke_choices.{md,json,log}``. It can be stopped and
started again at any moment.

Examples:
    python benchmarks/coke_choices.py
    python benchmarks/coke_choices.py --choices outside inside
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablation_report import markdown_table, missing_runs
from coke_occlusion import execute_all, read_run
from coke_report import AFTER, BASELINE, BEFORE, REFERENCE, auroc, loss, pck
from coke_runs import CHOICES, CHOSEN_ON, MODELS, Budget, Run, command
from comparison import add_run_arguments, carry_out, sort_out
from training_log import write_epoch_ends

LEVELS = (BEFORE, AFTER)
VALIDATION = {'test_dataloader.dataset.ann_file': f'annotations/{CHOSEN_ON}_val.json'}
COLUMNS = {'L0': pck(BEFORE), 'L2': pck(AFTER), 'loss': loss, 'AUROC %': auroc}


@dataclass(frozen=True)
class Choice(Run):
    """A run that is tested on validation images."""

    @property
    def scores(self) -> Path:
        return self.folder / 'validation' / 'levels.json'

    def steps(self) -> list[tuple[Path, list[str]]]:
        """What is to be done: the last file that a command leaves, and the command."""
        training, _ = super().steps()
        start = ('occlusion_benchmark.py', self.config, self.checkpoint, '--levels', *LEVELS)
        options = {**VALIDATION, **self.options}
        test = command(*start, '--out', self.scores.parent, options=options)
        return [training, (self.scores.with_name('roc.png'), test)]


def collect(runs: Sequence[Choice]) -> dict[str, Any]:
    """All that the table is made of.

    Raises:
        ValueError: if no run is finished.
    """
    finished, missing = sort_out(runs)
    return dict(runs=[read_run(run) for run in finished], missing=missing)


def report(results: dict[str, Any], budget: Budget) -> str:
    """The page in Markdown."""
    titles = {name: variant.title for name, variant in (MODELS | CHOICES).items()}
    rows = [['', *COLUMNS]]
    for run in results['runs']:
        scores = (f'{score(run):.1f}' for score in COLUMNS.values())
        rows.append([titles[run['variant']], *scores])
    seed = results['runs'][0]['seed']
    parts = [
        '# What the specification of CoKe leaves open',
        f'`python benchmarks/coke_choices.py` on {CHOSEN_ON}, seed {seed}: {budget.epochs} epochs '
        'from the trunk of [coke_occlusion.md](coke_occlusion.md). PCK@0.1 of the visible '
        'keypoints of the **validation** images without occluders (L0) and with 40 to 60 % of the '
        'box behind them (L2), in percent; AUROC of the scores at both levels. One seed: a point '
        'or less says nothing.',
        markdown_table(rows),
    ]
    return '\n\n'.join([*parts, *missing_runs(results['missing'])]) + '\n'


def write_report(results: dict[str, Any], budget: Budget, stem: Path) -> None:
    """Write ``STEM.md`` and ``STEM.json``."""
    page = report(results, budget)
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix('.md').write_text(page)
    stem.with_suffix('.json').write_text(json.dumps(results, indent=1) + '\n')
    print(page)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--choices', nargs='+', choices=CHOICES, default=list(CHOICES))
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--epochs', type=int, default=Budget.epochs)
    parser.add_argument('--trunk-epochs', type=int, default=Budget.trunk_epochs)
    add_run_arguments(parser, 'coke_choices')
    parser.set_defaults(work_dir=Path('work_dirs/coke_occlusion'))
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    budget = Budget(epochs=args.epochs, trunk_epochs=args.trunk_epochs)

    def plan(names: Sequence[str]) -> list[Choice]:
        variants = (REFERENCE, BASELINE, *names)
        return [Choice(CHOSEN_ON, name, args.seed, budget, args.work_dir) for name in variants]

    def report_all() -> None:
        everything = plan([*CHOICES])
        write_report(collect(everything), budget, args.out)
        finished, _ = sort_out(everything)
        write_epoch_ends([run.folder for run in finished], args.out.with_suffix('.log'))

    carry_out(args, lambda: execute_all(plan(args.choices), args.jobs), report_all)


if __name__ == '__main__':
    main()
