"""Curves and a table from the logs of one or several runs.

Examples:
    python tools/analysis/analyze_logs.py work_dirs/fmmp_synth --out curves.png
    python tools/analysis/analyze_logs.py run_a run_b --keys loss model/mPCK
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

DEFAULT_KEYS = ('loss', 'lr', 'model/mPCK', 'copy_baseline/mPCK')
Curves = dict[str, tuple[list[float], list[float]]]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Draw and tabulate the logs of training runs.')
    parser.add_argument('runs', nargs='+', help='work dirs, or scalars.json files in vis_data')
    parser.add_argument('--keys', nargs='+', default=DEFAULT_KEYS, help='values to draw')
    parser.add_argument('--out', metavar='PNG', help='picture of the curves')
    parser.add_argument('--list', action='store_true', help='only list the keys in the logs')
    return parser.parse_args(argv)


def find_logs(run: str) -> list[Path]:
    """The log files of a run in the order of their start; a resumed run has several.

    Raises:
        FileNotFoundError: if there is none, or no such folder or file.
    """
    path = Path(run)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f'{run}: there is no such folder or log file')
    logs = sorted(path.glob('*/vis_data/scalars.json')) or sorted(path.glob('**/scalars.json'))
    if not logs:
        raise FileNotFoundError(f'no log (TIME/vis_data/scalars.json) below {run}')
    return logs


def read_curves(logs: list[Path]) -> Curves:
    """Values of each key by training step (iteration, or epoch for validations).

    A step that a resume repeated counts as it was the last time; a line that a kill cut short is
    skipped.
    """
    values: dict[str, dict[float, float]] = defaultdict(dict)
    for log in logs:
        for line in log.read_text().splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            step = entry.get('step', entry.get('iter'))
            if step is None:
                continue
            for key, value in entry.items():
                if isinstance(value, (int, float)) and key != 'step':
                    values[key][step] = value
    return {key: (sorted(d), [d[step] for step in sorted(d)]) for key, d in values.items()}


def print_table(name: str, curves: Curves, keys: list[str]) -> None:
    """First, last and best value of each key, and the step of the best."""
    print(f'{name}\n{"":28}{"first":>10}{"last":>10}{"min":>10}{"max":>10}{"step of max":>13}')
    for key in keys:
        if key in curves:
            steps, values = curves[key]
            top = int(np.nanargmax(values)) if not np.isnan(values).all() else 0
            row = (values[0], values[-1], np.nanmin(values), np.nanmax(values))
            print(f'{key:28}' + ''.join(f'{v:10.4g}' for v in row) + f'{steps[top]:13g}')
        else:
            print(f'{key:28}not in the log')
    print()


def draw(runs: dict[str, Curves], keys: list[str], out: str) -> None:
    """One panel a key, one line a run."""
    import matplotlib

    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    keys = [key for key in keys if any(key in curves for curves in runs.values())]
    if not keys:
        raise SystemExit('none of the keys is in the logs; --list shows those that are')
    figure, axes = plt.subplots(1, len(keys), figsize=(4.5 * len(keys), 3.5), squeeze=False)
    for key, axis in zip(keys, axes[0], strict=True):
        for name, curves in runs.items():
            if key in curves:
                marker = 'o' if len(curves[key][0]) < 30 else None
                axis.plot(*curves[key], label=name, marker=marker, markersize=3)
        axis.set_title(key)
        axis.set_xlabel('epoch' if '/' in key else 'iteration')
        axis.grid(alpha=0.3)
    axes[0][0].legend()
    figure.tight_layout()
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=120)
    print(f'curves drawn to {out}')


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    runs = {run: read_curves(find_logs(run)) for run in args.runs}
    if args.list:
        print('\n'.join(sorted({key for curves in runs.values() for key in curves})))
        return
    for name, curves in runs.items():
        print_table(name, curves, args.keys)
    if args.out:
        draw(runs, args.keys, args.out)


if __name__ == '__main__':
    main()
