"""Write the synthetic dataset, or a contact sheet of it.

    python tools/make_synthetic.py --out data/synth --workers 2
    python tools/make_synthetic.py --contact-sheet sheet.png --sheet-categories 0 1 2

A second run with the same arguments writes only what is missing.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # works without an install


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = Path(os.environ.get('KPT_DATA_ROOT') or 'data').expanduser() / 'synth'
    parser.add_argument('--out', type=Path, default=root, help=f'dataset folder, default {root}')
    parser.add_argument('--seed', type=int, default=0, help='other seeds give other categories')
    parser.add_argument('--size', type=int, default=192, help='width and height of the images')
    parser.add_argument('--train-images', type=int, default=60, help='images per train category')
    parser.add_argument('--val-images', type=int, default=40, help='images per val category')
    parser.add_argument('--test-images', type=int, default=40, help='images per novel category')
    parser.add_argument(
        '--categories',
        type=int,
        nargs=3,
        default=(40, 8, 12),
        metavar=('TRAIN', 'VAL', 'TEST'),
        help='how many to train, validate and test on, default 40 8 12',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=min(os.cpu_count() or 1, 8),
        help='processes, by default the cores, 8 at most; the result does not depend on it',
    )
    parser.add_argument('--force', action='store_true', help='replace another synthetic dataset')
    parser.add_argument('--contact-sheet', type=Path, metavar='PNG', help='only draw this picture')
    parser.add_argument(
        '--sheet-categories', type=int, nargs='+', help='indices, default all novel'
    )
    parser.add_argument('--sheet-columns', type=int, default=6, help='images per category')
    parser.add_argument('--sheet-plain', action='store_true', help='without keypoints')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the tool; returns the exit status."""
    args = parse_args(argv)
    from kpt_plugins.synthesis import Plan, build_category, contact_sheet, generate_dataset

    try:
        plan = Plan(
            args.seed,
            args.size,
            tuple(args.categories),
            (args.train_images, args.val_images, args.test_images),
        )
        if args.contact_sheet:
            import cv2

            indices = args.sheet_categories or plan.category_indices('test')
            categories = [build_category(args.seed, i, args.size) for i in indices]
            sheet = contact_sheet(categories, args.sheet_columns, plain=args.sheet_plain)
            if not cv2.imwrite(str(args.contact_sheet), sheet):
                raise OSError(f'{args.contact_sheet}: cannot be written')
            return 0
        args.out = args.out.expanduser()
        rendered = generate_dataset(args.out, plan, args.workers, args.force)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    total = sum(c * i for c, i in zip(plan.categories, plan.images, strict=True))
    print(
        f'{args.out}: {total} images of {sum(plan.categories)} categories ({rendered} rendered now)'
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
