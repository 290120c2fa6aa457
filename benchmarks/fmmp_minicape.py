"""FMMP on small real data: trained on labelled categories, tested on new ones.

Takes the model of ``make demo`` (work_dirs/fmmp_synth), trains ``configs/fmmp_custom.py`` from it
on the training categories of ``minicape`` (below ``$KPT_TEST_DATA``) mixed with the synthetic set,
tests on its novel categories without and with 40 degrees of query rotation, and writes
``benchmarks/results/fmmp_minicape.md``, ``.json`` and ``.png``. A broken run is resumed.

``minicape`` is a set of ten categories in the layout of MP-100 (docs/data.md says what that is);
``minicape_train.json``, ``_val`` and ``_test`` have different categories.

Example:
    KPT_TEST_DATA=... python benchmarks/fmmp_minicape.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'results'
WORK_DIR = ROOT / 'work_dirs' / 'fmmp_minicape'
CONFIG = 'configs/fmmp_custom.py'
ROTATIONS = (0, 40)
COLUMNS = ('PCK@0.05', 'PCK@0.1', 'PCK@0.15', 'PCK@0.2', 'mPCK')


def run_tool(tool: str, *args: str | Path) -> None:
    """Run one of our tools.

    Raises:
        SystemExit: with its status, if it failed.
    """
    status = subprocess.run([sys.executable, f'tools/{tool}', *map(str, args)], cwd=ROOT).returncode
    if status:
        raise SystemExit(status)


def options(data: Path, start: Path) -> list[str]:
    """The entries of the config that name the data and the start."""
    files = [f'{part}_ann=annotations/minicape_{part}.json' for part in ('train', 'val', 'test')]
    return ['--cfg-options', f'data_root={data}', *files, f'load_from={start}']


def table(scores: dict[int, dict]) -> str:
    """Markdown table of all categories, model above copy, for every rotation."""
    lines = [
        '| category | query rotation | method | ' + ' | '.join(COLUMNS) + ' |',
        '|---|---|---|' + '---|' * len(COLUMNS),
    ]
    for category in next(iter(scores.values()))['model']['per_category']:
        for rotation, result in scores.items():
            for method in ('model', 'copy_baseline'):
                row = result[method]['per_category'][category]
                cells = [f'{100 * row[column]:.1f}' for column in COLUMNS]
                lines.append(
                    f'| {row["name"]} | {rotation}° | {method} | ' + ' | '.join(cells) + ' |'
                )
    return '\n'.join(lines)


def training_minutes(work_dir: Path) -> float:
    """Minutes of all training iterations, from the logs; those between two lines take as long."""
    seconds = {}
    for log in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in log.read_text().splitlines():
            entry = json.loads(line)
            if 'loss' in entry:
                seconds[entry['step']] = entry['time']
    steps = sorted(seconds)
    gaps = [after - before for before, after in zip([0, *steps], steps, strict=False)]
    return sum(gap * seconds[step] for gap, step in zip(gaps, steps, strict=True)) / 60


def write_report(scores: dict[int, dict], start_dir: Path, data: Path) -> None:
    """Scores, log and table into ``benchmarks/results``."""
    (RESULTS / 'fmmp_minicape.json').write_text(json.dumps(scores, indent=1))
    logs = sorted(WORK_DIR.glob('*/*.log'), key=lambda path: path.stat().st_size)
    text = logs[-1].read_text().replace(str(ROOT), '.').replace(str(data.parent), '$KPT_TEST_DATA')
    lines = [line for line in text.splitlines(keepends=True) if 'Build settings' not in line]
    (RESULTS / 'fmmp_minicape.log').write_text(''.join(lines))
    aurocs = ', '.join(
        f'{scores[rotation]["model"]["confidence_auroc@0.1"]:.2f} at {rotation}°'
        for rotation in ROTATIONS
    )
    minutes = [training_minutes(start_dir), training_minutes(WORK_DIR)]
    (RESULTS / 'fmmp_minicape.md').write_text(
        '# FMMP on novel categories of minicape\n\n'
        f'`python benchmarks/fmmp_minicape.py`: `{CONFIG}` from the model of `make demo`. Training '
        f'took {minutes[0]:.0f} minutes on the synthetic set and {minutes[1]:.0f} on the mixture, '
        f'on a machine of {os.cpu_count()} CPU cores, from random weights. The last checkpoint is '
        'tested, one seed. Many images are frames of one recording: no benchmark result.\n\n'
        f'{table(scores)}\n\nAUROC of the confidence for "within 0.1": {aurocs}.\n\n'
        '![predictions](fmmp_minicape.png)\n'
    )
    print(table(scores))


def main() -> None:
    data_root = os.environ.get('KPT_TEST_DATA')
    if not data_root or not (Path(data_root) / 'minicape').is_dir():
        raise SystemExit('set KPT_TEST_DATA to the folder that holds minicape')
    data = Path(data_root).resolve() / 'minicape'
    starts = sorted((ROOT / 'work_dirs' / 'fmmp_synth').glob('epoch_*.pth'))
    if not starts:
        raise SystemExit('work_dirs/fmmp_synth has no checkpoint; run `make demo` first')
    start = max(starts, key=lambda path: int(path.stem.split('_')[1]))
    extra = options(data, start)
    run_tool('train.py', CONFIG, '--work-dir', WORK_DIR, '--resume', *extra)
    last = Path((WORK_DIR / 'last_checkpoint').read_text().strip())

    scores = {}
    for rotation in ROTATIONS:
        out = WORK_DIR / f'metrics_{rotation}.json'
        run_tool(
            'test.py', CONFIG, last, '--work-dir', WORK_DIR, '--out', out,
            '--query-rotation', rotation, *extra,
        )  # fmt: skip
        scores[rotation] = json.loads(out.read_text())
    RESULTS.mkdir(exist_ok=True)
    picture = RESULTS / 'fmmp_minicape.png'
    run_tool('analysis/draw_predictions.py', CONFIG, last, '--out', picture, '--rows', '8', *extra)
    write_report(scores, start.parent, data)


if __name__ == '__main__':
    main()
