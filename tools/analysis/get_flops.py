"""Count parameters and multiply-accumulates of a model, in all and by part.

They are those of one prediction on a random episode: S support images and one query. Only
convolutions, matrix products and attention count, as usual; norms and activations are left out, and
so is the sampling of deformable attention, whose MACs a line below the table tells. A
multiply-accumulate (MAC) is two floating-point operations.

Examples:
    python tools/analysis/get_flops.py fmmp_mp100_split1 --num-shots 5
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from kpt_plugins.apis.model_loading import build_model, predict_items
from kpt_plugins.apis.random_episode import random_episode
from kpt_plugins.apis.run_config import add_config_arguments, load_config


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Count parameters and MACs of a model.')
    add_config_arguments(parser)
    parser.add_argument('--num-shots', type=int, help="supports, by default the test set's")
    parser.add_argument(
        '--num-keypoints', type=int, default=8, help='of the category; matters little'
    )
    parser.add_argument('--depth', type=int, default=2, help='how deep the parts are listed')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cfg = load_config(args.config, args.cfg_options)
    torch.manual_seed(0)
    model = build_model(cfg)
    item = random_episode(cfg, args.num_shots, args.num_keypoints)
    shape = tuple(item['inputs'].shape)
    sampling = []
    uncounted = {torch.ops.aten._embedding_bag: partial(note_sampling, sampling)}
    uncounted[torch.ops.aten._embedding_bag_forward_only] = partial(note_sampling, sampling)
    with FlopCounterMode(display=False, custom_mapping=uncounted) as counter:
        predict_items(model, [item])
    counts = {name: sum(ops.values()) // 2 for name, ops in counter.get_flop_counts().items()}
    total = counts.pop('Global', 0)
    # The counter names modules by the class of the model and their path in it.
    counts = {name.partition('.')[2]: count for name, count in counts.items()}
    rows = [('whole model', sum(p.numel() for p in model.parameters()), total)]
    for name, module in model.named_modules():
        depth = name.count('.') + 1
        parameters = sum(p.numel() for p in module.parameters())
        macs = macs_of(name, counts)
        if name and depth <= args.depth and (parameters or macs):
            rows.append(('  ' * depth + name, parameters, macs))
    parts = sum(macs_of(name, counts) for name, _ in model.named_children())
    rows.append(('  outside of these parts', 0, total - parts))
    width = max(len(name) for name, *_ in rows)
    print(f'{shape[0] - 1} supports and 1 query of {shape[3]} x {shape[2]} pixels\n')
    print(f'{"part":{width}}  {"parameters":>12}  {"MACs":>10}  {"share":>6}')
    for name, parameters, macs in rows:
        share = macs / total if total else 0
        print(f'{name:{width}}  {parameters:12,}  {macs / 1e9:8.3f} G  {share:6.1%}')
    if sampling:
        print(f'\nnot counted: sampling of deformable attention, {sum(sampling) / 1e9:.3f} G MACs')


def note_sampling(
    macs: list[int], table: Sequence[int], index: Sequence[int], *args: Any, **kwargs: Any
) -> int:
    """Append the MACs of weighted sums of rows of a table (R, C), one of C for each of the row
    numbers ``index``; called by the counter with shapes in place of tensors.

    Returns:
        0, the operations to count.
    """
    macs.append(math.prod(index) * table[1])
    return 0


def macs_of(name: str, counts: dict[str, int]) -> int:
    """MACs of a module: counted, or the sum of its children's if it is not called itself (a list
    of modules, or a head of which only methods are)."""
    if name in counts:
        return counts[name]
    below = [other for other in counts if other.startswith(f'{name}.')]
    outermost = [n for n in below if not any(n.startswith(f'{other}.') for other in below)]
    return sum(counts[other] for other in outermost)


if __name__ == '__main__':
    main()
