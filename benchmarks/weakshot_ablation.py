"""Weak-shot learning with and without its novel losses, on drawn and on real categories.

For every data set, seed and row (base only; base and one novel loss each: L_NU, L_NC, L_NG; full;
Oracle, which uses the novel labels) trains by ``tools/train.py``, tests by ``tools/test.py`` and
probes keyness and correspondence by ``tools/analysis/probe_weakshot.py``. All start from one trunk,
the backbone of the few-shot model of ``make demo``, which is trained here first. All rows have the
same epochs, and all but the Oracle the same labelled pairs: base only leaves out the novel images
of its batches, no base pair. Before the novel losses begin, all rows but the Oracle are the same
training; base only does this part for all. The mean pose is scored on the same test images.
Writes ``benchmarks/results/weakshot_ablation.{md,png,json,log}``. It can be stopped and started
again at any moment: finished runs are kept, broken ones resumed.

As it stands: 2 data sets (synthetic: 40 base and 12 novel categories; minicape: 7 and 3), 6 rows
and 3 seeds, 36 runs of 1000 iterations with 32 images each. Fewer by ``--data``, ``--rows``,
``--seeds``, ``--epochs``, ``--pairs``.

Examples:
    python benchmarks/weakshot_ablation.py
    python benchmarks/weakshot_ablation.py --data synth --rows base full --seeds 0
    python benchmarks/weakshot_ablation.py --table-only
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

from comparison import add_run_arguments, carry_out, sort_out
from fmmp_ablation import claim
from tool_processes import Processes, at_once, locked, wait_for
from training_log import training_minutes, write_epoch_ends
from weakshot_report import write_report
from weakshot_runs import DATA, ROOT, ROWS, Budget, Run, Trunk

from kpt_plugins.apis.run_config import load_config

SEEDS = (0, 1, 2)


def execute(run: Trunk | Run, processes: Processes) -> None:
    """Do what is left to do of a training, its test and its probes.

    Raises:
        RuntimeError: if a tool fails, or the folder is not ours to use.
    """
    with locked(run.folder) as lock:
        claim(run)
        for file, line in run.steps():
            if not file.is_file():
                processes.run(line, run.folder / 'console.log', lock)


def execute_all(runs: Sequence[Run], jobs: int) -> list[str]:
    """Execute the trunk, then runs, several at a time; returns what went wrong."""
    # Those that others go on from first, so that no run waits for one that is not begun.
    order = dict.fromkeys([run.start for run in runs if run.start] + [*runs])
    with at_once(jobs) as (pool, processes):
        pool.submit(execute, runs[0].trunk, processes).result()
        futures: dict[Run, Future] = {}

        def start(run: Run) -> None:
            if run.start:
                futures[run.start].result()
            execute(run, processes)

        for run in order:
            futures[run] = pool.submit(start, run)
        return wait_for({future: run.name for run, future in futures.items()})


def collect(runs: Sequence[Run]) -> dict[str, Any]:
    """All that the tables are made of.

    Raises:
        ValueError: if no run is finished.
    """
    finished, missing = sort_out(runs)
    done = []
    for run in finished:
        scores = json.loads(run.scores.read_text())
        content = {key: run.experiment()[key] for key in ('data', 'row', 'seed', 'options')}
        folders = [part.folder for part in (run.start, run) if part]
        content['minutes'] = round(training_minutes(*folders), 2)
        content['probes'] = json.loads(run.probes.read_text())['means']
        done.append({**content, **{key: scores[key] for key in ('novel', 'base', 'mean_pose')}})
    budget = runs[0].budget
    return dict(
        command=f'python benchmarks/weakshot_ablation.py {budget.arguments()}',
        budget=asdict(budget),
        titles={name: row.title for name, row in ROWS.items()},
        runs=done,
        missing=missing,
    )


def plan(
    data: Sequence[str], rows: Sequence[str], seeds: Sequence[int], budget: Budget, root: Path
) -> list[Run]:
    """All data sets and rows with one seed before the next: a partial table is a fair one."""
    return [Run(d, row, s, budget, root) for s in seeds for d in data for row in rows]


def make_synth() -> None:
    """Draw the synthetic set, if it is not there."""
    root = load_config(DATA['synth']).data_root
    make = [sys.executable, ROOT / 'tools' / 'make_synthetic.py', '--out', root]
    subprocess.run([*map(str, make)], check=True)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', nargs='+', choices=DATA, default=list(DATA))
    parser.add_argument('--rows', nargs='+', choices=ROWS, default=list(ROWS))
    parser.add_argument('--seeds', nargs='+', type=int, default=list(SEEDS))
    default = Budget()
    parser.add_argument('--epochs', type=int, default=default.epochs)
    parser.add_argument('--pairs', type=int, default=default.pairs, help='an epoch, half base')
    add_run_arguments(parser, 'weakshot_ablation')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    budget = Budget(args.epochs, args.pairs)

    def execute() -> list[str]:
        if 'synth' in args.data:
            make_synth()
        runs = plan(args.data, args.rows, args.seeds, budget, args.work_dir)
        return execute_all(runs, args.jobs)

    def report() -> None:
        # The tables name every run that they should have, not only those asked for now.
        seeds = sorted({*SEEDS, *args.seeds})
        everything = plan([*DATA], [*ROWS], seeds, budget, args.work_dir)
        write_report(collect(everything), args.out)
        finished, _ = sort_out(everything)
        logged = [everything[0].trunk.folder, *(run.folder for run in finished)]
        write_epoch_ends(logged, args.out.with_suffix('.log'))

    carry_out(args, execute, report)


if __name__ == '__main__':
    main()
