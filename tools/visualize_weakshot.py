"""Draw what a weak-shot model sees in pairs of test images.

One row a pair: prompts and heatmaps of the first image, its keyness, the prompts of the second,
and the prompts of the first carried to the second by the descriptors. Several checkpoints of one
run show how it changes: one picture each, with the same images.

Examples:
    python tools/visualize_weakshot.py weakshot_synth epoch_10.pth --out pictures
    python tools/visualize_weakshot.py weakshot_synth work_dirs/weakshot_synth/epoch_*.pth \
        --categories 50 51 --tensorboard work_dirs/weakshot_synth/pictures
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kpt_plugins.apis.checkpoint import load_checkpoint_safely
from kpt_plugins.apis.model_loading import build_dataset, load_model
from kpt_plugins.apis.run_config import add_config_arguments
from kpt_plugins.apis.weak_shot_config import load_weak_shot_config
from kpt_plugins.apis.weak_shot_pictures import choose_pairs, draw_pair
from kpt_plugins.visualization import join_column, write_image


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument('checkpoints', nargs='+', help='checkpoint files of one run')
    parser.add_argument('--out', default='weakshot_pictures', help='folder of the pictures')
    parser.add_argument('--part', choices=['val', 'test'], default='test', help='which dataloader')
    parser.add_argument('--categories', nargs='+', type=int, help='category ids, by default all')
    parser.add_argument('--pairs', type=int, default=1, help='pairs of each category')
    parser.add_argument('--rows', type=int, default=8, help='most rows of a picture')
    parser.add_argument('--size', type=int, default=224, help='pixels of one panel')
    parser.add_argument(
        '--tensorboard', metavar='DIR', help='also write the pictures for TensorBoard, by iteration'
    )
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:1')
    parser.add_argument(
        '--allow-pickle',
        action='store_true',
        help='load a checkpoint that holds arbitrary Python objects; only from authors you trust',
    )
    args = parser.parse_args(argv)
    for name in ('pairs', 'rows', 'size'):
        if getattr(args, name) < 1:
            parser.error(f'--{name} {getattr(args, name)}: expected 1 or more')
    names = [Path(checkpoint).stem for checkpoint in args.checkpoints]
    if len(set(names)) < len(names):
        parser.error(
            'several checkpoints have one name, which their pictures take; give those of one run'
        )
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        run(args)
    except (ValueError, OSError, ImportError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


def run(args: argparse.Namespace) -> None:
    """Draw the pictures of all checkpoints."""
    cfg = load_weak_shot_config(args.config, args.cfg_options)
    dataset = build_dataset(cfg, args.part)
    pairs = choose_pairs(dataset, args.categories, args.pairs)[: args.rows]
    board = _open_board(args.tensorboard) if args.tensorboard else None
    for checkpoint in args.checkpoints:
        model = load_model(cfg, checkpoint, args.device, args.allow_pickle)
        picture = join_column([draw_pair(model, dataset, pair, args.size) for pair in pairs])
        path = Path(args.out) / f'{Path(checkpoint).stem}.png'
        write_image(path, picture)
        print(f'{len(pairs)} pairs drawn to {path}')
        if board is not None:
            meta = load_checkpoint_safely(checkpoint, 'cpu', args.allow_pickle).get('meta', {})
            board.add_image(
                'pairs', picture[..., ::-1].copy(), meta.get('iter', 0), dataformats='HWC'
            )
    if board is not None:
        board.close()


def _open_board(folder: str):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError('--tensorboard needs the package tensorboard') from error
    return SummaryWriter(folder)


if __name__ == '__main__':
    sys.exit(main())
