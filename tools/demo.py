"""From nothing to predictions: data, training, scores and pictures of FMMP on synthetic data.

``make demo`` calls it. Every step is a tool of its own, run here in turn with its output shown;
one whose result is there already is skipped, so a second run, or one after an interruption, goes
on where the first ended.

Example::

    python tools/demo.py
    python tools/demo.py --config fmmp_synth --work-dir work_dirs/mine
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from kpt_plugins.apis import find_config
from kpt_plugins.apis.run_config import load_config, seed_training_episodes, tidy_data_root
from kpt_plugins.apis.termination import exit_on_sigterm
from kpt_plugins.evaluation import format_scores

ROOT = Path(__file__).resolve().parents[1]
# The parts of a config that the trained weights depend on.
TRAIN_KEYS = (
    'model',
    'train_dataloader',
    'train_cfg',
    'optim_wrapper',
    'param_scheduler',
    'custom_hooks',
    'randomness',
)


def run_tool(tool: str, *args: str | Path) -> None:
    """Run one of our tools in a process of its own; its output goes to the terminal.

    Raises:
        SystemExit: with the tool's status, if it failed.
    """
    command = [sys.executable, str(ROOT / 'tools' / tool), *map(str, args)]
    print(f'$ python tools/{tool} {" ".join(map(str, args))}', flush=True)
    status = subprocess.run(command, env={**os.environ, 'PYTHONUNBUFFERED': '1'}).returncode
    if status:
        raise SystemExit(f'tools/{tool} failed (status {status}), see above')


def data_root() -> Path:
    """Return where the synthetic dataset lies: as in the configs, below ``$KPT_DATA_ROOT``."""
    tidy_data_root()
    return Path(os.environ.get('KPT_DATA_ROOT', 'data')) / 'synth'


def training_part(cfg: Config) -> dict[str, Any]:
    """Return the entries of a config that the trained weights depend on."""
    seed_training_episodes(cfg)  # as tools/train.py does, whose config this is compared with
    return {key: value for key, value in cfg.to_dict().items() if key in TRAIN_KEYS}


def set_other_run_aside(config: Path, work_dir: Path) -> None:
    """Rename a work directory that holds a run of another (version of the) config.

    Going on with it would mix two experiments, and deleting it may lose hours.
    """
    dumped = work_dir / config.name
    if not dumped.is_file():
        return
    if training_part(load_config(dumped)) == training_part(load_config(config)):
        return
    number = 1
    while (aside := work_dir.with_name(f'{work_dir.name}.old{number}')).exists():
        number += 1
    work_dir.rename(aside)
    print(f'{work_dir} held a run of another version of {config}; it is now {aside}')


def finished_checkpoint(cfg: Config, work_dir: Path) -> Path | None:
    """Return the checkpoint of the last epoch (or iteration), if training got there."""
    if cfg.train_cfg.get('max_epochs'):
        path = work_dir / f'epoch_{cfg.train_cfg.max_epochs}.pth'
    else:
        path = work_dir / f'iter_{cfg.train_cfg.max_iters}.pth'
    return path if path.is_file() else None


def best_checkpoint(work_dir: Path, otherwise: Path) -> Path:
    """Return the checkpoint that validation found best, or another where none was kept."""
    best = sorted(work_dir.glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
    return best[-1] if best else otherwise


def is_newer(result: Path, *sources: Path) -> bool:
    """Whether a result exists and was made after what it was made from."""
    if not result.is_file():
        return False
    return all(result.stat().st_mtime >= source.stat().st_mtime for source in sources)


def note_config(config: Path, note: Path) -> Path:
    """Write down what a config says, with all it inherits, unless that is what the file says.

    So the file is as old as the config's last real change, whichever of its files that was in.
    """
    text = load_config(config).pretty_text
    if not note.is_file() or note.read_text() != text:
        note.write_text(text)
    return note


def train(config: Path, work_dir: Path) -> Path:
    """Train, or go on training, unless that is done; return the checkpoint to use."""
    set_other_run_aside(config, work_dir)
    cfg = load_config(config)
    if finished_checkpoint(cfg, work_dir) is None:
        # --resume starts anew where there is nothing to resume from.
        run_tool('train.py', config, '--work-dir', work_dir, '--resume')
    else:
        print(f'reused: the training in {work_dir}')
    last = finished_checkpoint(cfg, work_dir)
    if last is None:
        raise SystemExit(f'training ended without the checkpoint of its last epoch in {work_dir}')
    return best_checkpoint(work_dir, last)


def score(config: Path, checkpoint: Path, note: Path, out: Path) -> dict[str, Any]:
    """Test on the novel categories; return what is in ``metrics.json``."""
    if is_newer(out, checkpoint, note):
        print(f'reused: {out}')
    else:
        run_tool('test.py', config, checkpoint, '--work-dir', out.parent, '--out', out)
    return json.loads(out.read_text())


def draw(config: Path, checkpoint: Path, note: Path, out: Path) -> None:
    """Draw a dozen predictions on the novel categories."""
    if is_newer(out, checkpoint, note):
        print(f'reused: {out}')
    else:
        run_tool('analysis/draw_predictions.py', config, checkpoint, '--out', out)


def print_result(scores: dict[str, Any], work_dir: Path) -> None:
    """Print the scores of the model and of copying the support's keypoints."""
    rows = [
        # null in the file: undefined, as NaN is
        (name, {k: math.nan if v is None else v for k, v in scores[name].items()})
        for name in ('model', 'copy_baseline')
        if name in scores
    ]
    print('\nOn categories that training has not seen:')
    print(format_scores(rows, scores['model']['thresholds']))
    print(f'\nIn {work_dir}: the checkpoint, the log, metrics.json and predictions.png')


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--config', default='fmmp_synth', help='config file, or the name of one that we ship'
    )
    parser.add_argument(
        '--work-dir', type=Path, help='folder of the run, by default work_dirs/CONFIG'
    )
    args = parser.parse_args(argv)
    exit_on_sigterm()
    config = find_config(args.config)
    work_dir = args.work_dir or Path('work_dirs') / config.stem
    start = time.monotonic()

    print('== 1 of 4: the synthetic dataset')
    run_tool('make_synthetic.py', '--out', data_root())
    print('\n== 2 of 4: training')
    checkpoint = train(config, work_dir)
    note = note_config(config, work_dir / 'evaluated_config.py')
    print('\n== 3 of 4: test on the novel categories')
    scores = score(config, checkpoint, note, work_dir / 'metrics.json')
    print('\n== 4 of 4: pictures')
    draw(config, checkpoint, note, work_dir / 'predictions.png')
    print_result(scores, work_dir)
    print(f'{(time.monotonic() - start) / 60:.1f} minutes')


if __name__ == '__main__':
    main()
