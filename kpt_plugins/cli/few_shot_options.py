"""The options of commands that run a few-shot model, and the inferencer that they describe."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer

OPTIONS = (
    click.option(
        '--weights',
        required=True,
        metavar='FILE',
        help='Checkpoint of a few-shot model, which holds its config.',
    ),
    click.option(
        '--model', metavar='CONFIG', help='Config file or its name, where the checkpoint has none.'
    ),
    click.option(
        '--support',
        required=True,
        metavar='PATH',
        help="The annotated images: a COCO file, an annotation tool's export, a folder of images "
        'with NAME.json beside NAME.jpg, or a folder with category.json.',
    ),
    click.option('--category', metavar='NAME', help='Which one, where the supports have several.'),
    click.option(
        '--support-images',
        metavar='DIR',
        help="Folder of the supports' images.  [default: that of the annotations]",
    ),
    click.option(
        '--support-format', metavar='FORMAT', help='As in `kpt convert`.  [default: found out]'
    ),
    click.option(
        '--shots',
        type=click.IntRange(1),
        default=5,
        show_default=True,
        help='Most supports; the first ones are taken.',
    ),
    click.option(
        '--det-model',
        metavar='CONFIG',
        help='MMDetection model, config or name, that finds the objects.',
    ),
    click.option('--det-weights', metavar='FILE', help='Its checkpoint.'),
    click.option(
        '--det-cat-id',
        type=int,
        multiple=True,
        metavar='N',
        help='Index of a class of the detector to keep; may be repeated.  [default: all]',
    ),
    click.option(
        '--device', metavar='NAME', help='cpu, cuda, cuda:1, mps.  [default: a GPU if any]'
    ),
    click.option(
        '--allow-pickle',
        is_flag=True,
        help='Read a checkpoint that could run any code, if you trust its author.',
    ),
)


def few_shot_options(command: Callable) -> Callable:
    """Add the options to a command, which passes them on to :func:`make_inferencer`."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def make_inferencer(
    weights: str,
    model: str | None,
    support: str,
    category: str | None,
    support_images: str | None,
    support_format: str | None,
    shots: int,
    det_model: str | None,
    det_weights: str | None,
    det_cat_id: tuple[int, ...],
    device: str | None,
    allow_pickle: bool,
) -> FewShotInferencer:
    """The inferencer of the options, with its support set.

    Raises:
        FileNotFoundError, ValueError: What is wrong with the supports or the checkpoint.
    """
    from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer
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
    return inferencer
