"""Test a weak-shot model's keyness and correspondence by themselves, on base and novel categories.

Keyness: squared error of the map, and how far shifted keypoints are from the truth after one step
of it (pixels at 256). Correspondence: PCK of keypoints carried to another image of the category.

Examples:
    python tools/analysis/probe_weakshot.py weakshot_synth epoch_10.pth --out probes.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from kpt_plugins.apis.model_loading import build_dataset, load_model
from kpt_plugins.apis.run_config import add_config_arguments
from kpt_plugins.apis.weak_shot_config import load_weak_shot_config
from kpt_plugins.apis.weak_shot_probes import probe_weak_shot, summarize_probes


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--pairs', type=int, default=200, help='most pairs of each category')
    parser.add_argument('--noise', type=float, default=0.05, help='shift, fraction of the crop')
    parser.add_argument('--seed', type=int, default=0, help='of shifts and pairs')
    parser.add_argument('--out', help='JSON file of all scores')
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:1')
    parser.add_argument(
        '--allow-pickle',
        action='store_true',
        help='load a checkpoint that holds arbitrary Python objects; only from authors you trust',
    )
    args = parser.parse_args(argv)
    if args.pairs < 1:
        parser.error(f'--pairs {args.pairs}: expected 1 or more')
    if not args.noise >= 0:
        parser.error(f'--noise {args.noise}: expected 0 or more')
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        cfg = load_weak_shot_config(args.config, args.cfg_options)
        model = load_model(cfg, args.checkpoint, args.device, args.allow_pickle)
        dataset = build_dataset(cfg, 'test')
        scores = probe_weak_shot(model, dataset, args.pairs, args.noise, args.seed)
        means = summarize_probes(scores)
        for key, value in means.items():
            print(f'{key}: {value:.3f}')
        if args.out:
            Path(args.out).parent.mkdir(parents=True, exist_ok=True)
            content = dict(means=means, categories=scores)
            Path(args.out).write_text(json.dumps(content, indent=1))
    except (ValueError, OSError, ImportError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
