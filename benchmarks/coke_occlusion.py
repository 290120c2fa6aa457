"""CoKe and heatmap detectors behind occluders: cattle, horses, sheep and the synthetic quadruped.

For every data set, seed and model (CoKe, heatmaps from the same extractor, SimpleBaseline) trains
by ``tools/train.py``, all from one pretrained trunk, and tests by ``tools/occlusion_benchmark.py``
at the levels 0 to 3; besides one seed of CoKe's ablations on cattle. The trunk of a species is
trained here on the other two, that of the quadruped on all three. Writes
``benchmarks/results/coke_occlusion.{md,png,json,log}``. It can be stopped and started again at any
moment: finished runs are kept, broken ones resumed.

As it stands: 4 trunks, 36 runs and 5 ablations. A run is 600 to 750 iterations of 0.3 to 0.4 s, 3
to 5 minutes of one core, and its test half a minute; together 2.5 to 3 hours of one core. Fewer by
``--data``, ``--models``, ``--seeds``, ``--ablations`` (with nothing after it: none), ``--epochs``.

Examples:
    python benchmarks/coke_occlusion.py
    python benchmarks/coke_occlusion.py --data cattle --models coke heatmap --seeds 0 --ablations
    python benchmarks/coke_occlusion.py --table-only
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import Any

from coke_report import write_report
from coke_runs import ABLATED, ABLATIONS, DATA, MODELS, ROOT, Budget, Run, Trunk
from comparison import add_run_arguments, carry_out, sort_out
from fmmp_ablation import claim
from tool_processes import Processes, at_once, locked, wait_for
from training_log import training_minutes, write_epoch_ends

from kpt_plugins.apis.run_config import load_config

SEEDS = (0, 1, 2)
MAKE_SYNTH = ('--seed', 3, '--categories', 1, 0, 0, '--train-images', 1200)


def execute(job: Trunk | Run, processes: Processes) -> None:
    """Do what is left to do of a training and its test.

    Raises:
        RuntimeError: if a tool fails, or the folder is not ours to use.
    """
    with locked(job.folder) as lock:
        claim(job)
        for file, line in job.steps():
            if not file.is_file():
                processes.run(line, job.folder / 'console.log', lock)


def execute_all(runs: Sequence[Run], jobs: int) -> list[str]:
    """Execute runs and before them their trunks, several at a time; returns what went wrong."""
    with at_once(jobs) as (pool, processes):

        def start(run: Run, trunk: Future) -> None:
            trunk.result()
            execute(run, processes)

        # Taken up in this order, so that no run waits for a trunk that is not begun.
        trunks = {t: pool.submit(execute, t, processes) for t in dict.fromkeys(map(_trunk, runs))}
        return wait_for({pool.submit(start, run, trunks[run.trunk]): run.name for run in runs})


def _trunk(run: Run) -> Trunk:
    return run.trunk


def read_run(run: Run) -> dict[str, Any]:
    """What a finished run is, how long it took, and its scores."""
    scores, experiment = json.loads(run.scores.read_text()), run.experiment()
    content = {key: experiment[key] for key in ('data', 'variant', 'seed', 'options')}
    content['minutes'] = round(training_minutes(run.folder), 2)
    return {**content, 'AUROC': scores['AUROC'], 'levels': scores['levels']}


def collect(runs: Sequence[Run]) -> dict[str, Any]:
    """All that the tables are made of.

    Raises:
        ValueError: if no run is finished.
    """
    finished, missing = sort_out(runs)
    budget = runs[0].budget
    return dict(
        command=f'python benchmarks/coke_occlusion.py {budget.arguments()}',
        budget=asdict(budget),
        models={name: variant.title for name, variant in MODELS.items()},
        ablations={name: variant.title for name, variant in ABLATIONS.items()},
        ablated=ABLATED,
        runs=[read_run(run) for run in finished],
        missing=missing,
    )


def plan(
    data: Sequence[str],
    models: Sequence[str],
    ablations: Sequence[str],
    seeds: Sequence[int],
    budget: Budget,
    root: Path,
) -> list[Run]:
    """All data sets and models with one seed before the next: a partial table is a fair one."""
    runs = [Run(d, m, s, budget, root) for s in seeds for d in data for m in models]
    return [*runs, *(Run(ABLATED, name, seeds[0], budget, root) for name in ablations)]


def make_synth() -> None:
    """Draw the quadruped's images, if they are not there."""
    root = load_config(ROOT / 'configs' / f'{DATA["synth"]}.py').data_root
    make = [ROOT / 'tools' / 'make_synthetic.py', '--out', root, *MAKE_SYNTH]
    subprocess.run([sys.executable, *map(str, make)], check=True)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', nargs='+', choices=DATA, default=list(DATA))
    parser.add_argument('--models', nargs='+', choices=MODELS, default=list(MODELS))
    parser.add_argument('--seeds', nargs='+', type=int, default=list(SEEDS))
    parser.add_argument(
        '--ablations', nargs='*', default=list(ABLATIONS), help=f'on {ABLATED}, with the first seed'
    )
    default = Budget()
    parser.add_argument('--epochs', type=int, default=default.epochs)
    parser.add_argument(
        '--synth-images', type=int, default=default.synth_images, help='to train on, of 1000'
    )
    parser.add_argument('--lr', type=float, default=default.lr, help='learning rate')
    parser.add_argument('--trunk-epochs', type=int, default=default.trunk_epochs)
    add_run_arguments(parser, 'coke_occlusion')
    args = parser.parse_args(argv)
    if unknown := [name for name in args.ablations if name not in ABLATIONS]:
        parser.error(f'--ablations {" ".join(unknown)}: choose from {", ".join(ABLATIONS)}')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    budget = Budget(args.epochs, args.synth_images, args.lr, args.trunk_epochs)

    def execute() -> list[str]:
        if 'synth' in args.data:
            make_synth()
        runs = plan(args.data, args.models, args.ablations, args.seeds, budget, args.work_dir)
        return execute_all(runs, args.jobs)

    def report() -> None:
        # The tables name every run that they should have, not only those asked for now.
        seeds = sorted({*SEEDS, *args.seeds})
        everything = plan([*DATA], [*MODELS], [*ABLATIONS], seeds, budget, args.work_dir)
        write_report(collect(everything), args.out)
        finished, _ = sort_out(everything)
        logged = [run.folder for run in dict.fromkeys([*map(_trunk, finished), *finished])]
        write_epoch_ends(logged, args.out.with_suffix('.log'))

    carry_out(args, execute, report)


if __name__ == '__main__':
    main()
