"""Train and test all steps of incremental keypoint learning, one after the other.

Every step is a run of ``tools/train.py`` and ``tools/test.py`` in a folder of its own, with the
detector of the step before as its parent. Started again, it goes on where it was.

Examples:
    python tools/train_incremental.py configs/ikl_livestock_cattle.py
    python tools/train_incremental.py configs/ikl_livestock_cattle_step{0,1,2,3}.py
    python tools/train_incremental.py configs/ikl_livestock_cattle_lwf.py --seed 1 \\
        --work-dir work_dirs/cattle/lwf_seed1 --base work_dirs/cattle/base_seed1/step0
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import DictAction

from kpt_plugins.apis.config_lookup import find_config
from kpt_plugins.apis.incremental import STEP_NAME, StepRun, plan_steps
from kpt_plugins.apis.termination import exit_on_sigterm
from kpt_plugins.structures.step_manifest import MANIFEST_NAME, read_manifest

TOOLS = Path(__file__).resolve().parent


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'configs', nargs='+', metavar='CONFIG', help='one protocol config, or those of all steps'
    )
    parser.add_argument('--work-dir', help='folder of the sequence, by default work_dirs/CONFIG')
    parser.add_argument('--seed', type=int, default=0, help='seed of every step')
    parser.add_argument(
        '--base',
        metavar='FOLDER',
        help='start from this trained base step, not from one of our own',
    )
    parser.add_argument('--last-step', type=int, metavar='STEP', help='stop after this step')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='override config entries of the steps after the base step',
    )
    args = parser.parse_args(argv)
    if args.last_step is not None and args.last_step < 0:
        parser.error(f'--last-step is {args.last_step}; expected the number of a step, from 0')
    return args


def command(tool: str, run: StepRun, *arguments: object) -> list[str]:
    """A tool's command line for a step."""
    options = [f'{key}={value}' for key, value in run.cfg_options().items()]
    arguments = (TOOLS / tool, run.config, *arguments, '--cfg-options', *options)
    return [sys.executable, *map(str, arguments)]


def execute(run: StepRun, seed: int) -> None:
    """Do what is left to do of a step.

    Raises:
        ValueError: If its folder holds another step, or one with another parent.
        subprocess.CalledProcessError: If a tool fails.
    """
    if not run.folder.is_symlink():  # a --base may come from another config
        run.claim(seed)
    if not run.trained():
        run.row.unlink(missing_ok=True)
        train = command(
            'train.py', run, '--work-dir', run.folder, '--seed', seed, '--no-validate', '--resume'
        )
        subprocess.run(train, check=True)
    if not run.row.is_file():
        test = command('test.py', run, run.detector, '--work-dir', run.folder / 'test')
        subprocess.run(test, check=True)
    print(f'step {run.step}: {run.detector}, {run.row}', flush=True)


def link_base(root: Path, base: Path) -> None:
    """Make the base step's folder ``ROOT/step0``, so that the sequence is complete.

    Raises:
        ValueError: If ``base`` is no trained base step, or there is another one already.
    """
    link = root / STEP_NAME.format(0)
    base = base.resolve()
    manifest = read_manifest(base)
    if manifest is None:
        raise ValueError(f'--base {base}: there is no trained base step, it has no {MANIFEST_NAME}')
    if manifest.step != 0:
        raise ValueError(f'--base {base} is of step {manifest.step}, expected step 0')
    if link.exists() and link.resolve() != base:
        raise ValueError(
            f'{link} is there already and not --base {base}; choose another --work-dir'
        )
    if not link.exists():
        root.mkdir(parents=True, exist_ok=True)
        link.symlink_to(base, target_is_directory=True)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    exit_on_sigterm()
    try:
        root = Path(args.work_dir or Path('work_dirs', find_config(args.configs[0]).stem))
        if args.base:
            link_base(root, Path(args.base))
        runs = plan_steps(args.configs, root, args.cfg_options)
        for run in runs[: None if args.last_step is None else args.last_step + 1]:
            execute(run, args.seed)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f'error: {error}') from error
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            f'{Path(error.cmd[1]).name} failed (status {error.returncode}), see its message above; '
            f'when that is mended, or after a kill, the same command goes on where it was'
        ) from error


if __name__ == '__main__':
    main()
