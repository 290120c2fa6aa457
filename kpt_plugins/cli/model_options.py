"""The options of commands that run a model on images, and the inferencer that they describe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from kpt_plugins.annotation_formats import FORMATS

if TYPE_CHECKING:
    from kpt_plugins.apis.keypoint_inferencer import KeypointInferencer
    from kpt_plugins.apis.support_set import SupportSet

_OPTIONS = (
    click.option(
        '--weights', required=True, metavar='FILE', help='Checkpoint, which holds its config.'
    ),
    click.option(
        '--model', metavar='CONFIG', help='Config file or its name, where the checkpoint has none.'
    ),
    click.option(
        '--support',
        metavar='PATH',
        help="The annotated images: a COCO file, an annotation tool's export, a folder of images "
        'with NAME.json beside NAME.jpg, or a folder with category.json. Detectors and weak-shot '
        'models take none.',
    ),
    click.option(
        '--category',
        metavar='NAME',
        help='Which one, where there are several; supports with NAME.json beside them have one '
        'category, which gets this name.',
    ),
    click.option(
        '--support-images',
        metavar='DIR',
        help="Folder of the supports' images.  [default: that of the annotations]",
    ),
    click.option(
        '--support-format',
        type=click.Choice(list(FORMATS)),
        help='As in `kpt convert`.  [default: found out]',
    ),
    click.option(
        '--shots',
        type=click.IntRange(1),
        help='Most supports; the first ones are taken.  [default: 5]',
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
    click.option(
        '--prompt-names',
        metavar='FILE',
        help='Names for a weak-shot model, from tools/fit_prompt_assignment.py.  '
        '[default: those in the checkpoint]',
    ),
    click.option(
        '--min-keypoint-score',
        type=click.FloatRange(0, 1),
        metavar='SCORE',
        help='Points of a weak-shot model that are less sure are left out.  [default: 0.1]',
    ),
)


def model_options(command: Callable) -> Callable:
    """Add the options to a command, which passes them to :func:`make_inferencer`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def find_supports(
    support: str,
    category: str | None,
    support_images: str | None,
    support_format: str | None,
    shots: int | None,
    **_: Any,
) -> SupportSet:
    """The supports of the options, as read without the model.

    Raises:
        FileNotFoundError, ValueError: What is wrong with them.
        click.UsageError: If the option is an empty text.
    """
    from kpt_plugins.apis.support_files import read_supports

    if not support:
        raise click.UsageError('--support is empty, expected a file or folder')
    return read_supports(support, category, support_images, support_format, shots or 5)


def make_inferencer(
    weights: str,
    model: str | None,
    support: str | None,
    category: str | None,
    support_images: str | None,
    support_format: str | None,
    shots: int | None,
    det_model: str | None,
    det_weights: str | None,
    det_cat_id: tuple[int, ...],
    device: str | None,
    allow_pickle: bool,
    prompt_names: str | None = None,
    min_keypoint_score: float | None = None,
    supports: SupportSet | None = None,
) -> KeypointInferencer:
    """The inferencer of the options: with a support the few-shot one, ready to predict, without one
    that of the model, a detector or a weak-shot one.

    Args:
        supports: Those of :func:`find_supports`, where they have been read already.

    Raises:
        FileNotFoundError, ValueError: What is wrong with the supports or the checkpoint.
        click.UsageError: For options of the one with the other.
    """
    _refuse(
        {
            '--support-images': support_images,
            '--support-format': support_format,
            '--shots': shots,
        }
        if support is None
        else {'--prompt-names': prompt_names, '--min-keypoint-score': min_keypoint_score},
        'needs --support' if support is None else 'is for weak-shot models, without --support',
    )
    if det_model is None:
        _refuse(
            {'--det-weights': det_weights, '--det-cat-id': det_cat_id or None}, 'needs --det-model'
        )
    common = dict(
        device=device,
        det_model=det_model,
        det_weights=det_weights,
        det_cat_ids=det_cat_id or None,
        show_progress=True,
    )
    if support is not None:
        from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer

        if supports is None:
            supports = find_supports(support, category, support_images, support_format, shots)
        inferencer = FewShotInferencer(model, weights, allow_pickle=allow_pickle, **common)
        inferencer.set_support(supports)
        return inferencer
    from kpt_plugins.apis.detector_inferencer import DetectorInferencer
    from kpt_plugins.apis.model_loading import find_device
    from kpt_plugins.apis.model_source import read_model_source
    from kpt_plugins.apis.weak_shot_inferencer import WeakShotInferencer

    find_device(device)  # what is wrong with it is said before the model is loaded
    source = read_model_source(model, weights, allow_pickle)
    if source.kind == 'weak-shot model':
        if min_keypoint_score is not None:
            common['min_score'] = min_keypoint_score
        return WeakShotInferencer(source, category=category, prompt_names=prompt_names, **common)
    source.require_kind('detector')
    weak_shot = {'--prompt-names': prompt_names, '--min-keypoint-score': min_keypoint_score}
    _refuse({'--category': category, **weak_shot}, 'is not for detectors')
    return DetectorInferencer(source, **common)


def warn_without_boxes(supports: SupportSet | None, boxes: object, how: str) -> None:
    """Say it where the supports are cut out by boxes, and the images to predict in are not.

    Args:
        supports: None of models that take none.
        boxes: What gives boxes in the images; None if nothing does.
        how: Options that give them.
    """
    if supports is None or boxes is not None:
        return
    parts = [
        (each.bbox[2:] - each.bbox[:2]).prod() / each.image[..., 0].size
        for each in supports.supports
    ]
    if min(parts) < _FILLS:
        click.echo(
            f'A support has a box that is {min(parts):.0%} of its image, but the images to predict '
            f'in have none: objects that do not fill these will hardly be found. Give {how}',
            err=True,
        )


_FILLS = 0.5
"""Of an image, a box of less is more than the margin that photos of an object have."""


def _refuse(options: Mapping[str, object], reason: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise click.UsageError(f'{name} {reason}')
