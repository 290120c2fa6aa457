"""Incremental methods on cattle and on the synthetic quadruped, from one base step for each seed.

Trains the base step of every seed, then every method's steps by ``tools/train_incremental.py``,
and writes ``benchmarks/results/ikl_DATA.{md,png,json}`` by ``tools/summarize_incremental.py``. It
can be stopped and started again at any moment.

Examples:
    python benchmarks/ikl_methods.py cattle
    python benchmarks/ikl_methods.py synth --methods lwf kamp --seeds 0 --jobs 1
    python benchmarks/ikl_methods.py cattle_shots --table-only
    python benchmarks/ikl_methods.py synth --seeds 1 2 --earlier benchmarks/results/ikl_synth.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from tool_processes import Processes, at_once, locked, wait_for

from kpt_plugins.apis.run_config import load_config
from kpt_plugins.apis.termination import exit_on_sigterm
from kpt_plugins.evaluation.incremental_runs import load_summary

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'results'
SEEDS = (0, 1, 2)
MANY_SEEDS = ('finetune', 'lwf', 'l2', 'ksd', 'kamp', 'joint')
"""Methods with every seed; the others have the first only."""


@dataclass(frozen=True)
class Comparison:
    """What is compared.

    Attributes:
        base: protocol config whose base step all methods start from.
        work_dir: of its runs and their base steps, which two comparisons may share.
        methods: protocol config of each method, in the order of the table.
        options: config entries of all methods alike.
    """

    base: str
    work_dir: str
    methods: dict[str, str]
    options: tuple[str, ...] = ()


def _methods(name: str, *kinds: str) -> dict[str, str]:
    return {kind: f'configs/{name}{"" if kind == "kamp" else f"_{kind}"}.py' for kind in kinds}


def _epochs(number: int) -> tuple[str, ...]:
    return tuple(
        f'{key}={number}'
        for key in ('train_cfg.max_epochs', 'param_scheduler.1.end', 'param_scheduler.1.T_max')
    )


METHODS = ('finetune', 'ewc', 'lwf', 'lwf6', 'l2', 'pseudo', 'ksd', 'random', 'kamp', 'joint')
CATTLE = 'ikl_livestock_cattle'
CATTLE_RATE = 'optim_wrapper.optimizer.lr=5e-4'
COMPARISONS = {
    'cattle': Comparison(
        f'benchmarks/configs/{CATTLE}.py',
        'work_dirs/ikl_cattle',
        _methods(CATTLE, *METHODS),
        (CATTLE_RATE, *_epochs(25)),
    ),
    'cattle_shots': Comparison(
        f'benchmarks/configs/{CATTLE}.py',
        'work_dirs/ikl_cattle',
        _methods(CATTLE, '1shot', '5shot', '10shot', '50shot'),
        (CATTLE_RATE, *_epochs(5)),  # of 50 iterations, not 10
    ),
    'synth': Comparison(
        'configs/ikl_synth.py',
        'work_dirs/ikl_synth',
        _methods('ikl_synth', *METHODS),
        _epochs(20),
    ),
}


def sequence_command(
    config: str, folder: Path, seed: int, base: Path | None, options: Sequence[str] = ()
) -> list[str]:
    """Train a method's steps from a base step, or without one the base step."""
    command = [ROOT / 'tools' / 'train_incremental.py', ROOT / config, '--work-dir', folder]
    command += ['--seed', seed, *(('--last-step', 0) if base is None else ('--base', base))]
    if base is not None and options:
        command += ['--cfg-options', *options]
    return [sys.executable, *map(str, command)]


def execute(command: list[str], folder: Path, processes: Processes) -> None:
    with locked(folder) as lock:
        processes.run(command, folder / 'console.log', lock)


def execute_all(
    comparison: Comparison,
    wanted: Sequence[tuple[str, int]],
    root: Path,
    jobs: int,
    options: Sequence[str],
) -> list[str]:
    """Train and test methods with seeds, several at a time; returns what went wrong."""
    with at_once(jobs) as (pool, processes):

        def base_folder(seed: int) -> Path:
            return root / f'base_seed{seed}'

        def train_base(seed: int) -> None:
            folder = base_folder(seed)
            execute(sequence_command(comparison.base, folder, seed, None), folder, processes)

        def run(method: str, seed: int, base: Future) -> None:
            base.result()
            folder = root / f'{method}_seed{seed}'
            config, step0 = comparison.methods[method], base_folder(seed) / 'step0'
            given = [*comparison.options, *options]
            execute(sequence_command(config, folder, seed, step0, given), folder, processes)

        # Taken up in this order, so that no method waits for a base step that is not begun.
        bases = {
            seed: pool.submit(train_base, seed) for seed in sorted({seed for _, seed in wanted})
        }
        return wait_for({pool.submit(run, m, s, bases[s]): f'{m}_seed{s}' for m, s in wanted})


def finished(folder: Path, num_steps: int) -> bool:
    """Whether all steps have been trained and tested."""
    return all((folder / f'step{step}' / 'row.json').is_file() for step in range(num_steps))


def paired(methods: dict[str, Any], reference: str = 'kamp') -> list[str]:
    """Lines of a table: the reference minus each other method, seed by seed; mean and deviation."""
    own = {run['seed']: run['scores'] for run in methods.get(reference, {}).get('runs', ())}
    keys = ('AAA', 'AT', 'old', 'new', 'all')
    lines = [f'| {reference} minus | seeds | {" | ".join(keys)} |', '|---|' + '---:|' * 6]
    for name, method in methods.items():
        runs = [run for run in method['runs'] if run['seed'] in own]
        if name == reference or not runs:
            continue
        cells = []
        for key in keys:
            gains = [own[run['seed']][key] - run['scores'][key] for run in runs]
            spread = f' ± {stdev(gains):.1f}' if len(gains) > 1 else ''
            cells.append(f'{fmean(gains):+.1f}{spread}')
        lines.append(f'| {name} | {len(runs)} | {" | ".join(cells)} |')
    return lines if len(lines) > 2 else []


def describe(name: str, out: Path) -> None:
    """Put what was compared above the table of ``OUT.md``, and paired differences below it."""
    page, comparison = out.with_suffix('.md'), COMPARISONS[name]
    methods = json.loads(out.with_suffix('.json').read_text())['methods']
    options = ' '.join(comparison.options)
    head = [
        f'# Incremental methods: {name}',
        '',
        f'`python benchmarks/ikl_methods.py {name}`. All methods with one seed start from the same '
        f'base step (`{comparison.base}`) and have the same budget (`{options}`). Minutes are '
        f'those of one thread beside another run.',
        '',
        f'![mean over the seen keypoints after every step]({out.name}.png)',
        '',
    ]
    tail = ['', *lines] if (lines := paired(methods)) else []
    page.write_text('\n'.join(head) + '\n' + page.read_text() + '\n'.join(tail) + '\n')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('comparison', choices=COMPARISONS)
    parser.add_argument('--methods', nargs='+', help='default: all of the comparison')
    parser.add_argument('--seeds', nargs='+', type=int, default=list(SEEDS))
    parser.add_argument('--jobs', type=int, default=2, help='runs at a time, one thread each')
    parser.add_argument('--work-dir', type=Path, help='of the runs')
    parser.add_argument('--out', type=Path, help='results, without .md, .png and .json')
    parser.add_argument('--cfg-options', nargs='+', default=[], help='for all methods alike')
    parser.add_argument(
        '--table-only', action='store_true', help='write the results of the finished runs'
    )
    parser.add_argument(
        '--earlier', type=Path, help='JSON of earlier results, whose runs are in the table too'
    )
    args = parser.parse_args(argv)
    known = COMPARISONS[args.comparison].methods
    if unknown := [m for m in args.methods or () if m not in known]:
        parser.error(f'--methods {" ".join(unknown)}: choose from {", ".join(known)}')
    args.work_dir = args.work_dir or Path(COMPARISONS[args.comparison].work_dir)
    args.out = args.out or RESULTS / f'ikl_{args.comparison}'
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    comparison = COMPARISONS[args.comparison]
    methods = args.methods or list(comparison.methods)
    # All methods with one seed before the next seed: a partial table is a fair one.
    wanted = [
        (method, seed)
        for seed in args.seeds
        for method in methods
        if seed == args.seeds[0] or method in MANY_SEEDS
    ]
    problems = []
    if not args.table_only:
        exit_on_sigterm()
        problems = execute_all(comparison, wanted, args.work_dir, args.jobs, args.cfg_options)
    num_steps = len(load_config(ROOT / comparison.base).model.steps)
    earlier = load_summary(args.earlier) if args.earlier else []
    known = {f'{run.method}_seed{run.seed}' for run in earlier}
    runs = [
        folder
        for method in comparison.methods
        for folder in sorted(args.work_dir.glob(f'{method}_seed*'))
        if folder.name not in known and finished(folder, num_steps)
    ]
    runs = [*([args.earlier] if args.earlier else []), *runs]
    summarize = [ROOT / 'tools' / 'summarize_incremental.py', *runs, '--out', args.out]
    subprocess.run([sys.executable, *map(str, summarize)], check=True)
    describe(args.comparison, args.out)
    if problems:
        raise SystemExit('\n'.join(problems))


if __name__ == '__main__':
    main()
