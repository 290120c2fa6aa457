r"""Make MP-100 annotation files (official, PoseAnything's, or any COCO-like ones) uniform.

Skeletons become zero-based and are checked against the number of keypoints, every category gets
as many keypoint names as keypoints, and the report names the categories without links. Several
input files are merged into one; --split writes one file for each subset of MP-100's splits.

Examples:
    # one clean file from the three of a split
    python tools/dataset_converters/normalize_mp100.py \
        data/mp100/annotations/mp100_split1_{train,val,test}.json -o data/mp100/annotations/all.json
    # the 15 files of the five splits from one merged file, empty skeletons filled in
    python tools/dataset_converters/normalize_mp100.py merged.json --fill mst \
        --split 1 2 3 4 5 -o data/mp100/annotations
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
    parser.add_argument('files', nargs='+', help='annotation files; several are merged')
    parser.add_argument(
        '-o', '--out', required=True, help='the file to write; with --split, the directory'
    )
    parser.add_argument(
        '--base', choices=['auto', '0', '1'], default='auto', help='what skeletons count from'
    )
    parser.add_argument(
        '--fill',
        choices=['none', 'mst', 'knn'],
        default='none',
        help='fill in empty skeletons from the mean pose: minimum spanning tree or two nearest '
        'neighbours (default: leave them empty; the data set can do it when it loads)',
    )
    parser.add_argument(
        '--skeletons', help='JSON file {category id: [[i, j], ...]}, zero-based, to use instead'
    )
    parser.add_argument(
        '--split', type=int, nargs='+', metavar='N', help='write the subsets of these splits, 1-5'
    )
    parser.add_argument(
        '--prefix', default='mp100_split', help='file names with --split: PREFIX{N}_{subset}.json'
    )
    args = parser.parse_args(argv)
    if not args.split and Path(args.out).is_dir():
        parser.error(f'--out {args.out} is a directory: name the file to write')
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    # Imported late, so that --help answers at once.
    from kpt_plugins.datasets.mp100_splits import SUBSETS, get_category_ids
    from kpt_plugins.datasets.normalize import (
        load_raw,
        merge_files,
        normalize_categories,
        select_categories,
    )

    try:
        skeletons = None
        if args.skeletons:
            content = json.loads(Path(args.skeletons).read_text())
            skeletons = {int(key): value for key, value in content.items()}
        data = merge_files({name: load_raw(name) for name in args.files})
        base = args.base if args.base == 'auto' else int(args.base)
        data, log = normalize_categories(data, base, args.fill, skeletons)
        if args.split:
            outputs = {
                Path(args.out) / f'{args.prefix}{n}_{subset}.json': select_categories(
                    data, get_category_ids(n, subset)
                )
                for n in args.split
                for subset in SUBSETS
            }
        else:
            outputs = {Path(args.out): data}
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(format_log(log))
    for path, content in outputs.items():
        write_json(path, content)
        counts = ', '.join(
            f'{len(content[k])} {k}' for k in ('categories', 'images', 'annotations')
        )
        print(f'wrote {path}: {counts}')
    return 0


def format_log(log) -> str:
    """The log of a normalisation, one line for each kind of category."""
    rows = [
        ('counted from 1', log.from_one),
        ('counted from 0', log.from_zero),
        ('fit both, assumed to count from 1', log.assumed),
        ('filled in', log.filled),
        ('WITHOUT LINKS', log.without_links),
        ('without usable instances', log.without_instances),
        ('keypoint names made up', log.named),
        ('keypoints in no link', [f'{title} {points}' for title, points in log.unlinked.items()]),
    ]
    return '\n'.join(f'{name}: {len(v)}: {"; ".join(v)}' for name, v in rows if v)


def write_json(path: Path, content: dict) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f'{path.name}.tmp')
    draft.write_text(json.dumps(content), encoding='utf-8')
    draft.replace(path)


if __name__ == '__main__':
    sys.exit(main())
