"""``kpt predict``: keypoints in images and videos."""

from __future__ import annotations

from typing import Any

import click

from .model_options import find_supports, make_inferencer, model_options, warn_without_boxes


def _check_box(
    _: click.Context, __: click.Parameter, box: tuple[float, ...] | None
) -> tuple[float, ...] | None:
    if box is not None:
        from kpt_plugins.apis.inference_inputs import MAX_SIDE
        from kpt_plugins.apis.support_set import check_boxes

        try:
            check_boxes(box, MAX_SIDE, MAX_SIDE, 'box')
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
    return box


@click.command()
@click.argument('inputs', nargs=-1, required=True)
@model_options
@click.option(
    '--bbox',
    nargs=4,
    type=float,
    metavar='X1 Y1 X2 Y2',
    callback=_check_box,
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
@click.option('--force', is_flag=True, help='Write into OUT though there are files in it.')
def command(
    inputs: tuple[str, ...],
    bbox: tuple[float, ...] | None,
    out: str,
    no_pictures: bool,
    draw_bbox: bool,
    kpt_thr: float,
    batch_size: int,
    force: bool,
    **model: Any,
) -> None:
    """Find keypoints in INPUTS, images, videos, folders, patterns or webcam:0: those of annotated
    supports with a few-shot model, without training, or those that a detector or a weak-shot model
    has learned.

    Writes OUT/predictions.json, a COCO file with a confidence of every keypoint, and below
    OUT/visualizations a picture of every image and a video of every video. Of folders all images
    and videos are taken, but not those in folders below. The names in the file are relative to the
    folder that holds all inputs. What cannot be read is left out, listed at the end, and makes the
    exit code 1. Ctrl+C ends it with what is done by then, and the exit code 130.

    \b
    Examples:
      kpt predict photos/ --weights fmmp.pth --support annotated.json --out results
      kpt predict photos/ --weights work_dirs/detector/epoch_40.pth --out results
      kpt predict photos/ --weights deer.pth --category deer --out results
    """
    from pathlib import Path

    from kpt_plugins.apis.inference_inputs import distinct_sources
    from kpt_plugins.apis.inference_results import write_coco
    from kpt_plugins.apis.output_files import require_empty

    require_empty(out, force)
    sources = distinct_sources(inputs)
    supports = None if model['support'] is None else find_supports(**model)
    warn_without_boxes(supports, bbox or model['det_model'], '--bbox or --det-model')
    stream = make_inferencer(**model, supports=supports).stream(
        sources,
        bbox and [bbox] * len(sources),
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
    failed = [result for result in results if result.error is not None]
    done = len(results) - len(failed)
    found = sum(len(result.instances) for result in results)
    file = write_coco(Path(out, 'predictions.json'), results) if done else 'nothing is written'
    click.echo(f'{done} images, {found} objects: {file}')
    for result in failed:
        click.echo(f'failed: {result.error}', err=True)
    if failed:
        click.echo(f'{len(failed)} of {len(results)} inputs failed, see above', err=True)
    if failed or interrupted:
        raise SystemExit(130 if interrupted else 1)
