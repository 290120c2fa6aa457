"""FMMP on small real data: trained on labelled categories, tested on new ones, with three seeds.

For every seed: trains ``configs/fmmp_synth.py`` (what ``make demo`` runs), goes on from its weights
with ``configs/fmmp_custom.py`` on the training categories of ``minicape`` (below
``$KPT_TEST_DATA``) mixed with the synthetic set, and tests both on their novel categories without
and with 40 degrees of query rotation. Writes ``benchmarks/results/fmmp_minicape.md``, ``.json``,
``.log`` and ``.png``. It can be stopped and started again at any moment.

``minicape`` is a set of ten categories in the layout of MP-100 (docs/data.md says what that is);
``minicape_train.json``, ``_val`` and ``_test`` have different categories.

Examples:
    KPT_TEST_DATA=... python benchmarks/fmmp_minicape.py
    KPT_TEST_DATA=... python benchmarks/fmmp_minicape.py --seeds 0 --jobs 1
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ablation_report import Spread
from tool_processes import Processes, at_once, locked
from training_log import training_minutes

from kpt_plugins.apis.run_config import load_config
from kpt_plugins.apis.termination import exit_on_sigterm

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'results' / 'fmmp_minicape'
ROTATIONS = (0, 40)
COLUMNS = ('PCK@0.05', 'PCK@0.1', 'PCK@0.15', 'PCK@0.2', 'mPCK')
METHODS = ('model', 'copy_baseline')


@dataclass(frozen=True)
class Stage:
    """A training and its tests."""

    name: str
    config: str
    options: tuple[str, ...] = ()

    def folder(self, root: Path, seed: int) -> Path:
        return root / f'{self.name}_seed{seed}'

    def command(self, tool: str, *arguments: object) -> list[str]:
        """A tool's command line with this stage's config."""
        options = ['--cfg-options', *self.options] if self.options else []
        arguments = (ROOT / 'tools' / tool, ROOT / self.config, *arguments, *options)
        return [sys.executable, *map(str, arguments)]


def last_checkpoint(folder: Path) -> Path:
    """The newest one: nothing is chosen by a validation."""
    return max(folder.glob('epoch_*.pth'), key=lambda path: int(path.stem.split('_')[1]))


def stages(data: Path, root: Path, seed: int) -> list[Stage]:
    """The two trainings of a seed; the second starts from the first's weights."""
    synth = Stage('synth', 'configs/fmmp_synth.py')
    epochs = load_config(ROOT / synth.config).train_cfg.max_epochs
    files = [f'{part}_ann=annotations/minicape_{part}.json' for part in ('train', 'val', 'test')]
    start = f'load_from={synth.folder(root, seed) / f"epoch_{epochs}.pth"}'
    real = Stage('minicape', 'configs/fmmp_custom.py', (f'data_root={data}', *files, start))
    return [synth, real]


def run_seed(data: Path, root: Path, seed: int, processes: Processes) -> None:
    """Do what is left to do of a seed.

    Raises:
        RuntimeError: if a tool fails, or another process is at work on the seed.
    """
    for stage in stages(data, root, seed):
        folder = stage.folder(root, seed)
        with locked(folder) as lock:
            log = folder / 'console.log'
            if not (folder / 'trained').is_file():
                train = stage.command('train.py', '--work-dir', folder, '--seed', seed)
                processes.run([*train[:3], '--no-validate', '--resume', *train[3:]], log, lock)
                (folder / 'trained').touch()
            for rotation in ROTATIONS:
                out = folder / f'metrics_{rotation}.json'
                if not out.is_file():
                    arguments = (last_checkpoint(folder), '--work-dir', folder / 'test')
                    arguments += ('--out', out, '--query-rotation', rotation)
                    processes.run(stage.command('test.py', *arguments), log, lock)
    print(f'seed {seed}: finished', flush=True)


def score(results: Sequence[dict], method: str, category: str, column: str) -> str:
    """Mean and spread over the seeds; ``category`` is an id, or '' for the mean over all."""
    parts = [result[method] for result in results]
    values = [(part['per_category'][category] if category else part)[column] for part in parts]
    return Spread.of(values).percent()


def table(results: dict[str, dict[int, list[dict]]]) -> str:
    """Markdown table: the synthetic novel categories together, minicape's one by one."""
    lines = [
        '| novel category | query rotation | method | ' + ' | '.join(COLUMNS) + ' |',
        '|---|---|---|' + '---|' * len(COLUMNS),
    ]
    categories = next(iter(results['minicape'].values()))[0]['model']['per_category']
    rows = [('synth', '', 'synthetic, 12 categories')]
    rows += [('minicape', key, entry['name']) for key, entry in categories.items()]
    for stage, category, name in rows:
        for rotation, runs in results[stage].items():
            for method in METHODS:
                cells = [score(runs, method, category, column) for column in COLUMNS]
                lines.append(f'| {name} | {rotation}° | {method} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def write_report(data: Path, root: Path, seeds: Sequence[int], jobs: int, out: Path) -> None:
    """Scores, table, one seed's log and pictures."""
    results, minutes = {}, {}
    for seed in seeds:
        for stage in stages(data, root, seed):
            folder = stage.folder(root, seed)
            by_rotation = results.setdefault(stage.name, {r: [] for r in ROTATIONS})
            for rotation, runs in by_rotation.items():
                runs.append(json.loads((folder / f'metrics_{rotation}.json').read_text()))
            minutes.setdefault(stage.name, []).append(training_minutes(folder))
    content = dict(seeds=list(seeds), minutes=minutes, results=results)
    out.with_suffix('.json').write_text(json.dumps(content, indent=1) + '\n')
    log = (stages(data, root, seeds[0])[1].folder(root, seeds[0]) / 'console.log').read_text()
    log = log.replace(str(ROOT), '.').replace(str(data.parent), '$KPT_TEST_DATA')
    out.with_suffix('.log').write_text(
        '\n'.join(line for line in log.splitlines() if 'Build settings' not in line) + '\n'
    )
    aurocs = ', '.join(
        f'{Spread.of([r["model"]["confidence_auroc@0.1"] for r in runs]).percent()} at {rotation}°'
        for rotation, runs in results['minicape'].items()
    )
    times = [Spread.of([m / 100 for m in values]).percent() for values in minutes.values()]
    out.with_suffix('.md').write_text(
        '# FMMP on novel categories, synthetic and real\n\n'
        f'`python benchmarks/fmmp_minicape.py --seeds {" ".join(map(str, seeds))}`, mean and '
        f'standard deviation over the seeds, in percent. `configs/fmmp_synth.py` from random '
        f'weights took {times[0]} minutes, `configs/fmmp_custom.py` from its weights {times[1]}, '
        f'on one core each, {jobs} seeds side by side on a machine of {os.cpu_count()}. The last '
        'checkpoints are tested. Many images of minicape are frames of one recording: no '
        f'benchmark result.\n\n{table(results)}\n\n'
        f'AUROC of the confidence for "within 0.1" on minicape: {aurocs} (percent).\n\n'
        f'![predictions]({out.name}.png)\n'
    )
    print(table(results))


def draw(data: Path, root: Path, seed: int, out: Path) -> None:
    """Pictures of predictions on minicape's novel categories."""
    stage = stages(data, root, seed)[1]
    checkpoint = last_checkpoint(stage.folder(root, seed))
    arguments = (checkpoint, '--out', out.with_suffix('.png'), '--rows', 8)
    subprocess.run(stage.command('analysis/draw_predictions.py', *arguments), check=True)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description='FMMP on minicape.')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2], help='of the trainings')
    parser.add_argument('--jobs', type=int, default=2, help='seeds at a time, one thread each')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/fmmp_minicape'))
    parser.add_argument('--out', type=Path, default=RESULTS, help='results, without suffix')
    args = parser.parse_args(argv)
    folder = os.environ.get('KPT_TEST_DATA')
    if not folder or not Path(folder, 'minicape').is_dir():
        raise SystemExit('set KPT_TEST_DATA to the folder that holds minicape')
    data, root = Path(folder).resolve() / 'minicape', args.work_dir
    exit_on_sigterm()
    synth_root = load_config(ROOT / 'configs/fmmp_synth.py').data_root
    make = [sys.executable, ROOT / 'tools' / 'make_synthetic.py', '--out', synth_root]
    subprocess.run(make, check=True)
    with at_once(args.jobs) as (pool, processes):
        futures = [pool.submit(run_seed, data, root, seed, processes) for seed in args.seeds]
        for future in futures:
            future.result()
    draw(data, root, args.seeds[0], args.out)
    write_report(data, root, args.seeds, args.jobs, args.out)


if __name__ == '__main__':
    main()
