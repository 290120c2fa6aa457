"""Score dumped predictions again, with other thresholds or another rule for the supports.

Examples:
    python tools/test.py CONFIG CHECKPOINT --dump pairs.npz
    python tools/analysis/rescore.py pairs.npz --thresholds 0.05 0.1 0.15 0.2 0.25 --given all
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path

from kpt_plugins.evaluation import (
    DEFAULT_THRESHOLDS,
    format_per_category,
    format_scores,
    load_pairs,
    score_pairs,
)
from kpt_plugins.evaluation.functional import GIVEN_RULES
from kpt_plugins.evaluation.pair_dump import load_given


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Score dumped predictions again.')
    parser.add_argument('dump', help='file that tools/test.py --dump wrote')
    parser.add_argument(
        '--thresholds', type=float, nargs='+', default=DEFAULT_THRESHOLDS, help='of PCK and mPCK'
    )
    parser.add_argument(
        '--given',
        choices=GIVEN_RULES,
        help='score keypoints that any support shows, or only those that all show; by default as '
        'the run was scored, any where the dump does not say',
    )
    parser.add_argument('--per-category', action='store_true', help='print every category')
    parser.add_argument('--out', metavar='JSON', help='file for the scores')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    given = args.given or load_given(args.dump) or 'any'
    scores = {
        method: score_pairs(pairs, args.thresholds, given)
        for method, pairs in load_pairs(args.dump).items()
    }
    if args.per_category:
        for method, result in scores.items():
            print(f'{method}, by category:\n{format_per_category(result)}\n')
    rows = [(method, result.overall) for method, result in scores.items()]
    print(format_scores(rows, args.thresholds))
    if args.out:
        content = {
            method: {
                **{k: None if math.isnan(v) else v for k, v in result.overall.items()},
                'thresholds': list(result.thresholds),
            }
            for method, result in scores.items()
        }
        Path(args.out).write_text(json.dumps(content, indent=2) + '\n')


if __name__ == '__main__':
    main()
