"""``kpt convert``: annotations of one tool into the format of another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from kpt_plugins.annotation_formats import (
    FORMATS,
    losses,
    output_files,
    read_annotations,
    write_annotations,
)
from kpt_plugins.apis.output_files import require_folder


@click.command('convert')
@click.argument('source', metavar='IN', type=click.Path())
@click.argument('target', metavar='OUT', type=click.Path())
@click.option(
    '--from',
    'source_format',
    type=click.Choice(list(FORMATS)),
    help='Format of IN; told from its content if left out.',
)
@click.option(
    '--to', 'target_format', type=click.Choice(list(FORMATS)), required=True, help='Format of OUT.'
)
@click.option(
    '--images',
    type=click.Path(),
    help='Folder of the images, where their sizes are needed or the names in IN lead elsewhere.',
)
@click.option(
    '--categories',
    type=click.Path(),
    help='Annotations in any format (as a rule COCO) whose categories IN has: they say the order '
    'of the keypoints and the links where IN does not (Label Studio, labelme, DeepLabCut, YOLO).',
)
@click.option('--force', is_flag=True, help='Overwrite files that exist.')
def command(
    source: str,
    target: str,
    source_format: str | None,
    target_format: str,
    images: str | None,
    categories: str | None,
    force: bool,
) -> None:
    """Convert the annotations IN into OUT, and say what OUT cannot hold.

    IN and OUT are files, or folders for labelme and yolo.
    """
    known = read_annotations(categories).categories if categories else None
    annotations = read_annotations(source, source_format, images, known)
    if not annotations.images:
        raise ValueError(f'{source}: no image is annotated in it, there is nothing to convert')
    outputs = output_files(annotations, target, target_format)
    existing = [str(path) for path in outputs if path.exists()]
    if existing and not force:
        raise FileExistsError(
            f'{existing[0]} exists{f" (and {len(existing) - 1} more)" * (len(existing) > 1)}; '
            f'--force overwrites'
        )
    for folder in {path.parent for path in outputs}:
        require_folder(folder)
    write_annotations(annotations, target, target_format, images)
    instances = sum(len(image.instances) for image in annotations.images)
    click.echo(f'{target}: {len(annotations.images)} images, {instances} instances')
    if Path(target) in outputs:  # a file, and what is to be imported with it
        for path in outputs[1:]:
            click.echo(f'{path}: the labels that the tool needs to be told first')
    else:
        for path, others in left_from_before(outputs).items():
            more = f' and {others - 1} more' * (others > 1)
            click.echo(f'{path}{more}: not of this conversion, left as it was', err=True)
    if target_format == 'yolo':
        click.echo(f'{target}/images: put the images there, or a link to their folder')
    for category in annotations.categories:
        names = ', '.join(category.keypoint_names)
        click.echo(f'  {category.name}: {len(category.keypoint_names)} keypoints: {names}')
    for loss in losses(annotations, target_format):
        click.echo(f'Not in {target_format}: {loss}')


def left_from_before(outputs: Sequence[Path]) -> dict[Path, int]:
    """The first file like an output that is none, for each folder and ending, and their number."""
    found = {}
    for folder, ending in {(path.parent, path.suffix): None for path in outputs}:
        others = sorted(set(folder.glob(f'*{ending}')) - set(outputs))
        if others:
            found[others[0]] = len(others)
    return found
