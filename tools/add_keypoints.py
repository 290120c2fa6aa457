"""Add new keypoints to a trained heatmap detector, without its old data.

The old detector is any MMPose TopdownPoseEstimator with a HeatmapHead (ResNet, HRNet, ViT, ...).
The annotation file is COCO-style and labels the new keypoints only. The result is one ordinary
MMPose config and checkpoint for all keypoints, ``detector.py`` and ``detector.pth`` in the work
directory. Started again with the same inputs, the command goes on where it was; with others it
refuses that work directory.

First KA-Net is trained, 20 passes over the images, but at least 500 iterations. Then the student
is, --epochs epochs of at least 50 iterations each, for which few images are repeated. Below 20
images its batch norms keep the old detector's statistics.

A backbone of another package (the model zoo's ViTPose has mmpretrain.VisionTransformer) needs that
package: pip install onedl-mmpretrain model-index, or mmpretrain beside OpenMMLab's own mmengine and
mmcv. A backbone of your own comes in by custom_imports in the old config, which are kept.

Example:
    python tools/add_keypoints.py --old-config hrnet_coco.py --old-checkpoint hrnet_coco.pth \\
        --ann toes.json --images images --work-dir work_dirs/toes
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from mmengine.config import Config

from kpt_plugins.apis.add_keypoints import ANNOTATIONS, METHODS, training_config
from kpt_plugins.apis.new_keypoints import (
    NewKeypoints,
    check_flips,
    check_images,
    merge_annotations,
    merge_info,
    read_new_keypoints,
)
from kpt_plugins.apis.old_detector import check_weights, old_detector
from kpt_plugins.apis.run_fingerprint import (
    INPUT_FOLDER,
    release_untrained,
    require_same_run,
    write_fingerprint,
)
from kpt_plugins.apis.termination import exit_on_sigterm
from kpt_plugins.engine.hooks.safe_checkpoint_hook import write_atomically
from kpt_plugins.engine.hooks.step_handover_hook import CONFIG_NAME, DETECTOR_NAME
from kpt_plugins.structures.keypoint_selection import keypoint_names
from kpt_plugins.structures.step_manifest import check_parent, sha256_of
from kpt_plugins.structures.triplets import manual_triplets

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
    parser.add_argument(
        '--category', help="name or id of the file's category, where it has several"
    )
    parser.add_argument('--work-dir', required=True, help='folder for everything that is written')
    parser.add_argument('--method', choices=METHODS, default='kamp', help='default kamp')
    parser.add_argument(
        '--triplet',
        nargs=3,
        metavar=('NEW', 'NEW', 'OLD'),
        help='two new keypoints and an old one near them; by default found in the data',
    )
    parser.add_argument(
        '--epochs',
        type=int,
        default=40,
        help='of the student, of at least 50 iterations each; KA-Net gets 20 passes over the '
        'images before, at least 500 iterations',
    )
    parser.add_argument('--lr', type=float, default=5e-4, help='learning rate of Adam')
    parser.add_argument('--batch-size', type=int, default=16, help='instances an iteration')
    parser.add_argument('--seed', type=int, default=0, help='of all random draws')
    parser.add_argument('--no-flip', action='store_true', help='never flip images')
    parser.add_argument(
        '--allow-pickle',
        action='store_true',
        help='load a checkpoint that holds arbitrary Python objects; only from authors you trust',
    )
    return parser.parse_args(argv)


def plan(args: argparse.Namespace) -> tuple[Config, dict, dict]:
    """Check everything; nothing is written.

    Returns:
        The config of the training, its annotations, and the fingerprint of the inputs.

    Raises:
        FileNotFoundError, ValueError: what is wrong with the arguments or the files.
    """
    check_ranges(args)
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
        check_flips(new)
    method = choose_method(args, keypoint_names(info), new)
    check_parent(args.old_checkpoint, keypoint_names(info))
    check_weights(old, args.old_checkpoint, args.allow_pickle)
    inputs = fingerprint(args, old, new, method)
    require_same_run(args.work_dir, inputs)
    cfg = training_config(
        old,
        args.old_checkpoint,
        info,
        merged,
        new,
        args.images,
        args.work_dir,
        method=method,
        triplets=[args.triplet] if args.triplet else 'miner',
        epochs=args.epochs,
        lr=args.lr,
        batch_size=args.batch_size,
        flip=not args.no_flip,
    )
    return cfg, merge_annotations(new, info), inputs


def prepare(args: argparse.Namespace) -> Path:
    """Write the annotations and the config of the training, if nothing is wrong.

    Raises:
        FileNotFoundError, ValueError: what is wrong with the arguments or the files.
    """
    cfg, annotations, inputs = plan(args)
    write_fingerprint(args.work_dir, inputs)
    folder = Path(args.work_dir, INPUT_FOLDER)
    write_atomically(folder / ANNOTATIONS, json.dumps(annotations))
    path = folder / 'config.py'
    write_atomically(path, cfg.pretty_text)
    return path


def check_ranges(args: argparse.Namespace) -> None:
    """Refuse numbers that no training could use.

    Raises:
        ValueError: Naming the option.
    """
    for option, value in (('--epochs', args.epochs), ('--batch-size', args.batch_size)):
        if value < 1:
            raise ValueError(f'{option} {value}: expected at least 1')
    if not 0 < args.lr < math.inf:
        raise ValueError(f'--lr {args.lr}: expected a number above 0')
    if not 0 <= args.seed < 2**32:
        raise ValueError(f'--seed {args.seed}: expected 0 to {2**32 - 1}')


def choose_method(args: argparse.Namespace, old: Sequence[str], new: NewKeypoints) -> str:
    """The method to use, and whether ``--triplet`` fits it.

    Raises:
        ValueError: If the triplet would not be used, or is not of two new keypoints and an old one.
    """
    method = args.method
    if method == 'kamp' and len(new.names) < 2:
        if args.triplet:
            raise ValueError(
                f'--triplet {" ".join(args.triplet)}: KA-Net needs two new keypoints, {args.ann} '
                f'has one, {new.names[0]}; leave the option out'
            )
        print('KA-Net needs two new keypoints, there is one: --method ksd is used')
        return 'ksd'
    if args.triplet and method != 'kamp':
        raise ValueError(f'--triplet: --method {method} has no KA-Net, only kamp has')
    if args.triplet:
        try:
            manual_triplets([args.triplet], new.names, old)
        except ValueError as error:
            raise ValueError(f'--triplet: {error}') from error
    return method


def fingerprint(args: argparse.Namespace, old: Config, new: NewKeypoints, method: str) -> dict:
    """All that the result depends on, by the names of the options."""
    content = json.dumps(old.to_dict(), default=str)
    return {
        '--old-config': sha256(content.encode()).hexdigest(),
        '--old-checkpoint': sha256_of(args.old_checkpoint),
        '--ann': sha256_of(args.ann),
        '--images': str(Path(args.images).resolve()),
        '--category': new.category['id'],
        '--method': method,
        '--triplet': args.triplet,
        '--epochs': args.epochs,
        '--lr': args.lr,
        '--batch-size': args.batch_size,
        '--seed': args.seed,
        '--no-flip': args.no_flip,
    }


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    exit_on_sigterm()
    try:
        config = prepare(args)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    command = [sys.executable, TOOLS / 'train.py', config, '--work-dir', args.work_dir]
    command += ['--seed', args.seed, '--no-validate', '--resume']
    command += ['--allow-pickle'] if args.allow_pickle else []
    status = subprocess.run(list(map(str, command))).returncode
    if status:
        release_untrained(args.work_dir)
        raise SystemExit(f'tools/train.py failed (status {status}), see above')
    folder = Path(args.work_dir)
    print(f'all keypoints: {folder / CONFIG_NAME} and {folder / DETECTOR_NAME}')


if __name__ == '__main__':
    main()
