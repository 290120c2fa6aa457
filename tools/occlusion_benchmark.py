"""Test a top-down model behind occluders, at four levels of occlusion.

Works with every top-down config of MMPose and of this package, as it is: occluders are pasted over
the test images, 20-40, 40-60 and 60-80 % of each object at levels 1 to 3, and the keypoints that
can be seen are scored apart from the hidden ones. Boxes are the annotated ones.

Writes into --out: levels.json (all scores, each keypoint's too), levels.md (the table), levels.png
(PCK and AUROC by level), roc.png (what scores say about visibility), and pictures/.

Examples:
    python tools/occlusion_benchmark.py my_config.py work_dirs/my_config/epoch_100.pth
    python tools/occlusion_benchmark.py my_config.py epoch_100.pth --occluders cutouts --pictures 8
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kpt_plugins.apis.model_loading import find_device
from kpt_plugins.apis.occlusion_benchmark import run_benchmark, write_results
from kpt_plugins.apis.run_config import add_config_arguments, load_config
from kpt_plugins.evaluation.occlusion_report import format_levels


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--levels',
        nargs='+',
        type=int,
        choices=range(4),
        default=[0, 1, 2, 3],
        help='levels of occlusion, 0 is clean; all by default',
    )
    parser.add_argument(
        '--occluders',
        metavar='DIR',
        help='folder of RGBA cut-outs to paste; by default procedural ones',
    )
    parser.add_argument('--seed', type=int, default=0, help='other seeds give other occluders')
    parser.add_argument(
        '--out', metavar='DIR', help='folder of the results, by default work_dirs/CONFIG/occlusion'
    )
    parser.add_argument('--thr', type=float, default=0.1, help='threshold of the PCK')
    parser.add_argument(
        '--norm',
        choices=['bbox', 'head_size'],
        default='bbox',
        help='what the threshold is a fraction of: the longer side of the box, or the head (MPII)',
    )
    parser.add_argument(
        '--pictures', type=int, default=0, metavar='N', help='pictures of N predictions'
    )
    parser.add_argument('--device', help='cpu, cuda or cuda:1; by default the GPU if there is one')
    parser.add_argument(
        '--allow-pickle',
        action='store_true',
        help='load a checkpoint that holds arbitrary Python objects; only from authors you trust',
    )
    args = parser.parse_args(argv)
    if args.pictures < 0:
        parser.error(f'--pictures {args.pictures}: expected 0 or more')
    args.levels = sorted(set(args.levels))
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        cfg = load_config(args.config, args.cfg_options)
        out = Path(args.out or Path('work_dirs') / Path(cfg.filename).stem / 'occlusion')
        out.mkdir(parents=True, exist_ok=True)
        summary, results = run_benchmark(
            cfg,
            args.checkpoint,
            levels=args.levels,
            occluders=args.occluders,
            seed=args.seed,
            metric=dict(thr=args.thr, norm=args.norm),
            num_pictures=args.pictures,
            device=find_device(args.device),
            allow_pickle=args.allow_pickle,
        )
        print(format_levels(summary))
        written = write_results(out, summary, results)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(f'wrote {", ".join(map(str, written))}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
