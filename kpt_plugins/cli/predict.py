"""``kpt predict``: keypoints in images and videos."""

from __future__ import annotations

from typing import Any

import click

from .model_options import make_inferencer, model_options


@click.command()
@click.argument('inputs', nargs=-1, required=True)
@model_options(weak_shot=True)
@click.option(
    '--bbox',
    nargs=4,
    type=float,
    metavar='X1 Y1 X2 Y2',
    help='Box of the object in every image, in pixels.  [default: the whole image]',
)
@click.option(
    '--out', default='predictions', show_default=True, metavar='DIR', help='Folder of the results.'
)
@click.option('--no-pictures', is_flag=True, help='Write predictions.json only.')
@click.option('--draw-bbox', is_flag=True, help='Draw the boxes too.')
@click.option(
    '--kpt-thr',
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help='Keypoints less sure than this are not drawn. The file has all of them.',
)
@click.option('--batch-size', type=click.IntRange(1), default=8, show_default=True)
def command(
    inputs: tuple[str, ...],
    bbox: tuple[float, ...] | None,
    out: str,
    no_pictures: bool,
    draw_bbox: bool,
    kpt_thr: float,
    batch_size: int,
    **model: Any,
) -> None:
    """Find keypoints in INPUTS, images, videos, folders, patterns or webcam:0: those of annotated
    supports with a few-shot model, without training, or those that a weak-shot model has learned.

    Writes OUT/predictions.json, a COCO file with a confidence of every keypoint, and below
    OUT/visualizations a picture of every image and a video of every video. What cannot be read is
    left out, listed at the end, and makes the exit code 1.

    \b
    Examples:
      kpt predict photos/ --weights fmmp.pth --support annotated.json --out results
      kpt predict photos/ --weights deer.pth --category deer --out results
    """
    from pathlib import Path

    from kpt_plugins.apis.inference_results import write_coco

    inferencer = make_inferencer(**model)
    stream = inferencer.stream(
        list(inputs),
        bbox and [bbox] * len(inputs),
        batch_size=batch_size,
        vis_out_dir='' if no_pictures else Path(out, 'visualizations'),
        draw_bbox=draw_bbox,
        kpt_thr=kpt_thr,
    )
    results, interrupted = [], False
    try:
        for result in stream:
            results.append(result)
    except KeyboardInterrupt:  # how a camera is stopped
        interrupted = True
    path = write_coco(Path(out, 'predictions.json'), results)
    failed = [result for result in results if result.error is not None]
    found = sum(len(result.instances) for result in results)
    click.echo(f'{len(results) - len(failed)} images, {found} objects: {path}')
    for result in failed:
        click.echo(f'failed: {result.error}', err=True)
    if failed:
        click.echo(f'{len(failed)} of {len(results)} inputs failed, see above', err=True)
    if failed or interrupted:
        raise SystemExit(130 if interrupted else 1)
