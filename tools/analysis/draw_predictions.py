"""Draw predictions: support with its keypoints | query with the truth | query with the prediction.

How much a disc is filled tells the confidence of its keypoint.

Examples:
    python tools/analysis/draw_predictions.py fmmp_synth epoch_9.pth --out predictions.png --rows 12
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.device import get_device

from kpt_plugins.apis.model_loading import build_dataset, load_model, predict_items
from kpt_plugins.apis.run_config import add_config_arguments, load_config, set_query_rotation
from kpt_plugins.visualization import draw_data_sample, join_column, write_image


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Draw predictions of a checkpoint.')
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', default='predictions.png', help='picture to write')
    parser.add_argument('--rows', type=int, default=12, help='pairs to draw')
    parser.add_argument('--part', choices=['val', 'test'], default='test', help='which categories')
    parser.add_argument('--size', type=int, default=224, help='pixels of one panel')
    parser.add_argument(
        '--query-rotation', type=float, metavar='DEGREES', help="turn the queries' crops"
    )
    parser.add_argument('--device', default=get_device(), help='cuda, cpu, ...')
    parser.add_argument(
        '--allow-pickle', action='store_true', help='load a checkpoint with Python objects'
    )
    return parser.parse_args(argv)


def spread(length: int, number: int) -> np.ndarray:
    """At most ``number`` indices spread over a list, and so over the categories it is sorted by.

    They do not begin at 0: each comes from the middle of its share of the list.
    """
    number = min(number, length)
    return ((np.arange(number) + 0.5) * length / number).astype(int)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cfg = load_config(args.config, args.cfg_options)
    part = f'{args.part}_dataloader'
    if args.query_rotation is not None:
        set_query_rotation(cfg, part, args.query_rotation)
    dataset = build_dataset(cfg, args.part)
    model = load_model(cfg, args.checkpoint, args.device, args.allow_pickle)
    rows = []
    for index in spread(len(dataset), args.rows):
        item = dataset[int(index)]
        (sample,) = predict_items(model, [item])
        rows.append(draw_data_sample(item['inputs'], sample, args.size))
    write_image(Path(args.out), join_column(rows))
    print(f'{len(rows)} predictions drawn to {args.out}')


if __name__ == '__main__':
    main()
