"""``kpt autolabel``: labels for a folder of images from a few annotated ones."""

from __future__ import annotations

from typing import Any

import click
import numpy as np

from .model_options import find_supports, make_inferencer, model_options, warn_without_boxes


@click.command('autolabel')
@click.argument('images', metavar='FOLDER')
@model_options
@click.option(
    '--boxes',
    metavar='FILE',
    help='COCO file with the boxes of the objects; only images that have one are labelled.  '
    '[default: what --det-model finds, or the whole image]',
)
@click.option(
    '--out', default='labels', show_default=True, metavar='DIR', help='Folder of the results.'
)
@click.option('--batch-size', type=click.IntRange(1), default=8, show_default=True)
@click.option('--force', is_flag=True, help='Write into OUT though there are files in it.')
def command(
    images: str, boxes: str | None, out: str, batch_size: int, force: bool, **model: Any
) -> None:
    """Label the images in FOLDER from 1 to 5 annotated ones, or with a detector that was trained on
    what has been corrected so far, and prepare the correction of the labels.

    \b
    Writes to OUT
      annotations.json    COCO keypoints with confidences
      review.html         the objects, the least sure first
      cvat.xml            to import in CVAT, with cvat.labels.json for a new task
      label_studio.json   to import in Label Studio, with label_studio.config.xml for a new project

    With two supports or more it says first how right the labels will be: each support is predicted
    from the others.

    Images that cannot be read are left out, listed at the end, and make the exit code 1. Ctrl+C
    ends it with the labels of the images done by then, and the exit code 130. Images in folders
    below FOLDER are not taken.

    \b
    Examples:
      kpt autolabel photos/ --weights fmmp.pth --support annotated.json --out labels
      kpt train-detector labels/annotations.json --images photos/ --min-score 0.5
      kpt autolabel photos/ --weights work_dirs/detector/epoch_40.pth --out labels2
    """
    from pathlib import Path

    from kpt_plugins.apis.autolabel import (
        autolabel,
        find_images,
        has_images_below,
        read_boxes,
        write_labels,
    )
    from kpt_plugins.apis.output_files import require_empty

    require_empty(out, force)
    # What is wrong with supports, images and boxes is said before the few-shot model is loaded.
    supports = None if model['support'] is None else find_supports(**model)
    find_images(images)
    inferencer = None if supports else make_inferencer(**model)
    category = (supports or inferencer).category.name
    given = read_boxes(boxes, category, images) if boxes else None
    find_images(images, given)
    if has_images_below(images):
        click.echo(f'Images in the folders below {images} are not taken')
    inferencer = inferencer or make_inferencer(**model, supports=supports)
    warn_without_boxes(supports, boxes or model['det_model'], '--boxes or --det-model')
    if supports and len(supports.supports) > 1:
        without_boxes = given is None and model['det_model'] is None
        _say_how_right(inferencer.check_supports(whole_images=without_boxes))
    labels = autolabel(inferencer, images, given, batch_size)
    paths = write_labels(labels, Path(out), images) if labels.done else []
    empty = sum(not result.instances for result in labels.done)
    click.echo(f'{len(labels.cards)} objects in {len(labels.done)} images')
    if empty:
        click.echo(f'{empty} of them without an object that the detector finds')
    if labels.no_box:
        click.echo(f'{len(labels.no_box)} images of {images} have no box in {boxes}, left out')
    for path in paths:
        click.echo(f'  {path}')
    for text in labels.failed:
        click.echo(f'failed: {text}', err=True)
    if labels.failed:
        total = len(labels.results)
        click.echo(f'{len(labels.failed)} of {total} images failed, see above', err=True)
    if labels.failed or labels.interrupted:
        raise SystemExit(130 if labels.interrupted else 1)


def _say_how_right(errors: np.ndarray) -> None:
    """In words, what ``FewShotInferencer.check_supports`` measured (S, K)."""
    known = errors[~np.isnan(errors)]
    if len(known):
        advice = 'expect roughly as much of the labels' if len(errors) > 3 else 'a first guess only'
        click.echo(
            f'Each support predicted from the others: {(known < 0.1).mean():.0%} of {len(known)} '
            f"keypoints are within 0.1 of the box's longer side; {advice}"
        )
