"""Add new keypoints to a trained heatmap detector, without its old data.

The old detector is any MMPose TopdownPoseEstimator with a HeatmapHead (ResNet, HRNet, ViT, ...).
The annotation file is COCO-style and labels the new keypoints only. The result is one ordinary
MMPose config and checkpoint for all keypoints, ``detector.py`` and ``detector.pth`` in the work
directory. Started again, the command goes on where it was.

Example:
    python tools/add_keypoints.py --old-config hrnet_coco.py --old-checkpoint hrnet_coco.pth \\
        --ann toes.json --images images --work-dir work_dirs/toes
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from kpt_plugins.apis.add_keypoints import (
    ANNOTATIONS,
    METHODS,
    check_flips,
    check_images,
    merge_annotations,
    merge_info,
    old_detector,
    read_new_keypoints,
    training_config,
)
from kpt_plugins.engine.hooks.safe_checkpoint_hook import write_atomically
from kpt_plugins.engine.hooks.step_handover_hook import CONFIG_NAME, DETECTOR_NAME

TOOLS = Path(__file__).resolve().parent


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--old-config', required=True, help='config of the old detector')
    parser.add_argument('--old-checkpoint', required=True, help='its checkpoint file')
    parser.add_argument(
        '--ann', required=True, metavar='JSON', help='COCO-style file with the new keypoints only'
    )
    parser.add_argument('--images', required=True, metavar='DIR', help='folder of its images')
    parser.add_argument('--category', help="the file's category, where it has several")
    parser.add_argument('--work-dir', required=True, help='folder for everything that is written')
    parser.add_argument('--method', choices=METHODS, default='kamp', help='default kamp')
    parser.add_argument(
        '--triplet',
        nargs=3,
        metavar=('NEW', 'NEW', 'OLD'),
        help='two new keypoints and an old one near them; by default found in the data',
    )
    parser.add_argument('--epochs', type=int, default=40, help='of at least 50 iterations each')
    parser.add_argument('--lr', type=float, default=5e-4, help='learning rate of Adam')
    parser.add_argument('--batch-size', type=int, default=16, help='images a step')
    parser.add_argument('--seed', type=int, default=0, help='of all random draws')
    parser.add_argument('--no-flip', action='store_true', help='never flip images')
    parser.add_argument(
        '--allow-pickle',
        action='store_true',
        help='load a checkpoint that holds arbitrary Python objects; only from authors you trust',
    )
    return parser.parse_args(argv)


def prepare(args: argparse.Namespace) -> Path:
    """Check everything, and write the annotations and the config of the training.

    Raises:
        FileNotFoundError, ValueError: what is wrong with the arguments or the files.
    """
    for path in (args.old_config, args.old_checkpoint):
        if not Path(path).is_file():
            raise FileNotFoundError(f'{path}: there is no such file')
    if not Path(args.images).is_dir():
        raise FileNotFoundError(f'{args.images}: there is no such image directory')
    old, info = old_detector(args.old_config)
    new = read_new_keypoints(args.ann, args.category)
    check_images(new, args.images)
    merged = merge_info(info, new)
    if not args.no_flip:
        check_flips(new.names, args.ann)
    method = args.method
    if method == 'kamp' and len(new.names) < 2:
        print('KA-Net needs two new keypoints, there is one: --method ksd is used')
        method = 'ksd'
    folder = Path(args.work_dir, 'input')  # the runner writes its own copy of the config
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ANNOTATIONS).write_text(json.dumps(merge_annotations(new, info)))
    cfg = training_config(
        old,
        args.old_checkpoint,
        info,
        merged,
        new,
        args.images,
        folder,
        method=method,
        triplets=[args.triplet] if args.triplet else 'miner',
        epochs=args.epochs,
        lr=args.lr,
        batch_size=args.batch_size,
        flip=not args.no_flip,
    )
    path = folder / 'config.py'
    if (
        path.is_file()
        and path.read_text() != cfg.pretty_text
        and any(folder.parent.glob('epoch_*.pth'))
    ):
        raise ValueError(
            f'{args.work_dir} holds a training with other options (see {path}); remove it, or '
            f'choose another --work-dir'
        )
    write_atomically(path, cfg.pretty_text)
    return path


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    try:
        config = prepare(args)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    command = [sys.executable, TOOLS / 'train.py', config, '--work-dir', args.work_dir]
    command += ['--seed', args.seed, '--no-validate', '--resume']
    command += ['--allow-pickle'] if args.allow_pickle else []
    status = subprocess.run(list(map(str, command))).returncode
    if status:
        raise SystemExit(f'tools/train.py failed (status {status}), see above')
    folder = Path(args.work_dir)
    print(f'all keypoints: {folder / CONFIG_NAME} and {folder / DETECTOR_NAME}')


if __name__ == '__main__':
    main()
