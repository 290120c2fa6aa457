r"""Compare the runs of an incremental protocol: scores, table and figure.

A run is a folder with step0, step1, ...; every step has the row.json of IncrementalKeypointMetric
and may have a manifest.json. Folders METHOD_seedN are runs of one method, which gets the mean and
the spread over its seeds. All runs must have the same steps, keypoints, metric and test data.

Writes PREFIX.json (every keypoint after every step, and all scores), PREFIX.md (the table) and
PREFIX.png (mean over the seen keypoints after every step).

Example:
    python tools/summarize_incremental.py work_dirs/ikl/{finetune,lwf,kamp}_seed{0,1,2} \
        --out work_dirs/ikl/summary
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
    parser.add_argument(
        'runs',
        nargs='+',
        help='folders of runs, or JSON of earlier summaries; their order is that of the table',
    )
    parser.add_argument(
        '--out', required=True, metavar='PREFIX', help='start of the files to write'
    )
    args = parser.parse_args(argv)
    if args.out.endswith('/') or Path(args.out).is_dir():
        parser.error(f'--out {args.out} is a directory: give the start of the file names too')
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    # Imported late, so that --help answers at once.
    from kpt_plugins.evaluation.incremental_figure import draw_steps
    from kpt_plugins.evaluation.incremental_report import format_summary, summarize_runs
    from kpt_plugins.evaluation.incremental_runs import load_run, load_summary

    try:
        runs = []
        for path in args.runs:
            runs += load_summary(path) if path.endswith('.json') else [load_run(path)]
        summary = summarize_runs(runs)
        table = format_summary(summary)
        print(table)
        prefix = Path(args.out)
        prefix.parent.mkdir(parents=True, exist_ok=True)
        data, page, figure = (prefix.with_name(f'{prefix.name}.{s}') for s in ('json', 'md', 'png'))
        data.write_text(json.dumps(summary, indent=1) + '\n')
        page.write_text(table)
        draw_steps(summary, figure)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(f'wrote {data}, {page} and {figure}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
