"""``kpt predict``: keypoints in images and videos from a few annotated supports."""

from __future__ import annotations

import click


@click.command()
@click.argument('inputs', nargs=-1, required=True)
@click.option(
    '--weights',
    required=True,
    metavar='FILE',
    help='Checkpoint of a few-shot model, which holds its config.',
)
@click.option(
    '--model', metavar='CONFIG', help='Config file or its name, where the checkpoint has none.'
)
@click.option(
    '--support',
    required=True,
    metavar='PATH',
    help="The annotated images: a COCO file, an annotation tool's export, a folder of images with "
    'NAME.json beside NAME.jpg, or a folder with category.json.',
)
@click.option('--category', metavar='NAME', help='Which one, where the supports have several.')
@click.option(
    '--support-images',
    metavar='DIR',
    help="Folder of the supports' images.  [default: that of the annotations]",
)
@click.option(
    '--support-format', metavar='FORMAT', help='As in `kpt convert`.  [default: found out]'
)
@click.option(
    '--shots',
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help='Most supports; the first ones are taken.',
)
@click.option(
    '--bbox',
    nargs=4,
    type=float,
    metavar='X1 Y1 X2 Y2',
    help='Box of the object in every image, in pixels.  [default: the whole image]',
)
@click.option(
    '--det-model',
    metavar='CONFIG',
    help='MMDetection model, config or name, that finds the objects.',
)
@click.option('--det-weights', metavar='FILE', help='Its checkpoint.')
@click.option(
    '--det-cat-id',
    type=int,
    multiple=True,
    metavar='N',
    help='Index of a class of the detector to keep; may be repeated.  [default: all]',
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
@click.option('--device', metavar='NAME', help='cpu, cuda, cuda:1, mps.  [default: a GPU if any]')
@click.option(
    '--allow-pickle',
    is_flag=True,
    help='Read a checkpoint that could run any code, if you trust its author.',
)
def command(
    inputs: tuple[str, ...],
    weights: str,
    model: str | None,
    support: str,
    category: str | None,
    support_images: str | None,
    support_format: str | None,
    shots: int,
    bbox: tuple[float, ...] | None,
    det_model: str | None,
    det_weights: str | None,
    det_cat_id: tuple[int, ...],
    out: str,
    no_pictures: bool,
    draw_bbox: bool,
    kpt_thr: float,
    batch_size: int,
    device: str | None,
    allow_pickle: bool,
) -> None:
    """Find keypoints in INPUTS, images, videos, folders, patterns or webcam:0, from annotated
    supports, without training.

    Writes OUT/predictions.json, a COCO file with a confidence of every keypoint, and below
    OUT/visualizations a picture of every image and a video of every video. What cannot be read is
    left out, listed at the end, and makes the exit code 1.

    \b
    Example:
      kpt predict photos/ --weights fmmp.pth --support annotated.json --out results
    """
    from pathlib import Path

    from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer
    from kpt_plugins.apis.inference_results import write_coco
    from kpt_plugins.apis.support_files import read_supports

    supports = read_supports(support, category, support_images, support_format, shots)
    inferencer = FewShotInferencer(
        model,
        weights,
        device,
        det_model=det_model,
        det_weights=det_weights,
        det_cat_ids=det_cat_id or None,
        show_progress=True,
        allow_pickle=allow_pickle,
    )
    inferencer.set_support(supports)
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
