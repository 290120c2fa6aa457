r"""Check a keypoint data set: annotation file, skeletons, images.

Prints a table of the categories and every kind of problem with examples. Exits with 1 where
there are errors, so that a script can stop before it trains on them.

Example:
    python tools/check_dataset.py data/mp100/annotations/mp100_split1_test.json \
        --images data/mp100/images
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('ann', help='COCO-like annotation file')
    parser.add_argument('--images', help='directory that its file names are relative to')
    parser.add_argument('--json', help='also write the report as JSON to this file')
    parser.add_argument(
        '--no-decode', action='store_true', help='only look whether the images exist (fast)'
    )
    parser.add_argument(
        '--allow-missing',
        action='store_true',
        help='missing images are warnings, for data sets with skip_missing_images=True',
    )
    parser.add_argument('--workers', type=int, default=4, help='threads that decode images')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    # Imported late, so that --help answers at once.
    from kpt_plugins.datasets.check import check_dataset
    from kpt_plugins.datasets.check_report import format_report

    report = check_dataset(
        args.ann,
        args.images,
        decode=not args.no_decode,
        allow_missing=args.allow_missing,
        workers=args.workers,
    )
    print(format_report(report))
    if args.json:
        Path(args.json).parent.mkdir(parents=True, exist_ok=True)
        Path(args.json).write_text(json.dumps(report.to_dict(), indent=2) + '\n')
    return 0 if report.ok else 1


if __name__ == '__main__':
    sys.exit(main())
