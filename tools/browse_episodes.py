"""Draw what the model will see: augmented crops, keypoints, padded points and references.

One row an episode, supports first. Coloured discs are the category's keypoints, small white ones
padded points; arrows lead from one keypoint to its references, numbered in their order.

Examples:
    python tools/browse_episodes.py fmmp_synth --out episodes.png --rows 8 --epoch 3
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kpt_plugins.apis.model_loading import build_dataset
from kpt_plugins.apis.run_config import add_config_arguments, load_config
from kpt_plugins.engine.hooks.episode_epoch_hook import walk_datasets
from kpt_plugins.visualization import draw_model_input, join_column, write_image


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Draw what the model will see.')
    add_config_arguments(parser)
    parser.add_argument(
        '--part', choices=['train', 'val', 'test'], default='train', help='which dataloader'
    )
    parser.add_argument('--out', default='episodes.png', help='picture to write')
    parser.add_argument('--rows', type=int, default=8, help='episodes to draw')
    parser.add_argument('--start', type=int, default=0, help='index of the first one')
    parser.add_argument('--epoch', type=int, default=0, help='epoch whose training draw is shown')
    parser.add_argument('--size', type=int, default=256, help='pixels of one panel')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    dataset = build_dataset(load_config(args.config, args.cfg_options), args.part)
    episodes = [part for part in walk_datasets(dataset) if hasattr(part, 'set_epoch')]
    if not episodes:
        raise SystemExit(
            f'{args.part}_dataloader has no EpisodeDataset, there is no episode to draw'
        )
    for part in episodes:
        part.set_epoch(args.epoch)
    stop = min(args.start + args.rows, len(dataset))
    if not 0 <= args.start < stop:
        raise SystemExit(f'--start {args.start}: there are episodes 0 to {len(dataset) - 1}')
    rows = []
    for index in range(args.start, stop):
        item = dataset[index]
        keypoint = int(np.random.default_rng(index).integers(1000))
        rows.append(draw_model_input(item['inputs'], item['data_samples'], keypoint, args.size))
    write_image(Path(args.out), join_column(rows))
    print(f'{len(rows)} episodes of {len(dataset)} drawn to {args.out}')


if __name__ == '__main__':
    main()
