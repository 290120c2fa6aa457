"""``kpt check-dataset``: what is wrong with a keypoint data set."""

from __future__ import annotations

import click


@click.command('check-dataset')
@click.argument('ann')
@click.option('--images', metavar='DIR', help='Folder that its file names are relative to.')
@click.option('--json', 'report_file', metavar='FILE', help='Also write the report as JSON.')
@click.option('--no-decode', is_flag=True, help='Only look whether the images exist (fast).')
@click.option(
    '--allow-missing',
    is_flag=True,
    help='Missing images are warnings, for data sets with skip_missing_images=True.',
)
@click.option(
    '--workers',
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help='Threads that decode images.',
)
@click.pass_context
def command(
    ctx: click.Context,
    ann: str,
    images: str | None,
    report_file: str | None,
    no_decode: bool,
    allow_missing: bool,
    workers: int,
) -> None:
    """Check a keypoint data set: the COCO-like annotation file ANN, its skeletons, its images.

    Prints a table of the categories and every kind of problem with examples. The exit code is 1
    where there are errors, so that a script can stop before it trains on them.

    \b
    Example:
      kpt check-dataset data/mp100/annotations/mp100_split1_test.json --images data/mp100/images
    """
    import json
    from pathlib import Path

    from kpt_plugins.datasets.check import check_dataset
    from kpt_plugins.datasets.check_report import format_report

    report = check_dataset(
        ann, images, decode=not no_decode, allow_missing=allow_missing, workers=workers
    )
    click.echo(format_report(report))
    if report_file:
        Path(report_file).parent.mkdir(parents=True, exist_ok=True)
        Path(report_file).write_text(json.dumps(report.to_dict(), indent=2) + '\n')
    ctx.exit(0 if report.ok else 1)
