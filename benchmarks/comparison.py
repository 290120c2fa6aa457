"""What benchmarks that compare many runs have in common: arguments, what is finished, the end."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from kpt_plugins.apis.termination import exit_on_sigterm

RESULTS = Path(__file__).resolve().parent / 'results'


class ComparedRun(Protocol):
    """A run in a folder below ``root``; ``state`` says how far it is, ``'finished'`` at the end."""

    name: str
    root: Path

    def state(self) -> str: ...


AnyRun = TypeVar('AnyRun', bound=ComparedRun)


def add_run_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The options that all have: how many runs at a time, where they lie, where results go."""
    parser.add_argument('--jobs', type=int, default=2, help='runs at a time, one thread each')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs', name))
    parser.add_argument('--out', type=Path, default=RESULTS / name, help='results, without suffix')
    parser.add_argument(
        '--table-only', action='store_true', help='write the results of the finished runs'
    )


def sort_out(runs: Sequence[AnyRun]) -> tuple[list[AnyRun], dict[str, str]]:
    """The finished runs, and by name how far the others are.

    Raises:
        ValueError: if no run is finished.
    """
    states = {run.name: run.state() for run in runs}
    finished = [run for run in runs if states[run.name] == 'finished']
    if not finished:
        raise ValueError(f'no finished run of this budget in {runs[0].root}')
    return finished, {name: state for name, state in states.items() if state != 'finished'}


def carry_out(
    args: argparse.Namespace, execute: Callable[[], list[str]], report: Callable[[], None]
) -> None:
    """Execute the runs, unless ``--table-only`` is given, and report in any case.

    Args:
        args: With ``table_only``.
        execute: Does what is left to do; returns what went wrong.
        report: Writes the results of what is finished; a ValueError says why it cannot.

    Raises:
        SystemExit: naming all that went wrong.
    """
    problems = []
    if not args.table_only:
        exit_on_sigterm()
        problems = execute()
    try:
        report()
    except ValueError as error:
        problems.append(str(error))
    if problems:
        raise SystemExit('\n'.join(problems))
