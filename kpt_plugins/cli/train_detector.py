"""``kpt train-detector``: an ordinary detector from labels that ``kpt autolabel`` made."""

from __future__ import annotations

import click


@click.command('train-detector')
@click.argument('annotations')
@click.option(
    '--images', metavar='DIR', help='Folder of the images.  [default: that of ANNOTATIONS]'
)
@click.option(
    '--format', metavar='FORMAT', help='Of ANNOTATIONS, as in `kpt convert`.  [default: found out]'
)
@click.option('--category', metavar='NAME', help='Which one, where ANNOTATIONS has several.')
@click.option(
    '--categories',
    metavar='FILE',
    help='What ANNOTATIONS was before its correction (annotations.json of autolabel): it says the '
    'order of the keypoints, links, left/right pairs, and how sure the objects are that nobody has '
    'touched, where an export does not.',
)
@click.option(
    '--min-score',
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Least mean confidence of an object's keypoints; others are left out.",
)
@click.option(
    '--min-keypoint-score',
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help='Keypoints less sure than this are not trained on.',
)
@click.option(
    '--annotated',
    metavar='FILE',
    help='Annotations by a human to mix in, repeated until they are as many. Their images keep '
    'these alone.',
)
@click.option(
    '--annotated-images', metavar='DIR', help='Folder of their images.  [default: that of the file]'
)
@click.option(
    '--work-dir',
    default='work_dirs/detector',
    show_default=True,
    metavar='DIR',
    help='Folder of the run.',
)
@click.option(
    '--method',
    type=click.Choice(['heatmap', 'coke']),
    default='heatmap',
    show_default=True,
    help='coke keeps working under occlusion, and says which keypoints it sees.',
)
@click.option(
    '--backbone',
    type=click.Choice(['resnet18', 'resnet50']),
    help='[default: resnet18]',
)
@click.option(
    '--backbone-of',
    metavar='FILE',
    help='Take backbone and weights of another model in place of a ResNet: of the checkpoint that '
    'autolabel labelled with, for one.',
)
@click.option(
    '--input-size',
    nargs=2,
    type=click.IntRange(32),
    default=(256, 256),
    show_default=True,
    metavar='W H',
    help='Of the crops in pixels, multiples of 32.',
)
@click.option(
    '--epochs',
    type=click.IntRange(1),
    default=40,
    show_default=True,
    help='Of 50 iterations or more: few images are repeated.',
)
@click.option(
    '--batch-size', type=click.IntRange(1), default=16, show_default=True, help='Objects a step.'
)
@click.option(
    '--workers',
    type=click.IntRange(0),
    default=2,
    show_default=True,
    help='Processes that load images.',
)
@click.option(
    '--seed',
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help='Of all random draws.',
)
@click.option(
    '--flip/--no-flip',
    default=None,
    help='Train on mirrored images too.  [default: where left/right pairs are known]',
)
@click.option(
    '--pretrained', is_flag=True, help='Begin with weights from ImageNet, which are downloaded.'
)
@click.option('--load-from', metavar='FILE', help='Checkpoint to begin with.')
@click.option('--device', metavar='NAME', help='cpu, cuda, cuda:1.  [default: a GPU if any]')
@click.option('--resume', is_flag=True, help='Go on with the same run where it was stopped.')
@click.option(
    '--force',
    is_flag=True,
    help='Begin in a folder with files in it; the checkpoints in it are deleted.',
)
@click.option(
    '--allow-pickle',
    is_flag=True,
    help='Load a checkpoint that could run any code, if you trust its author.',
)
def command(
    annotations: str,
    images: str | None,
    format: str | None,
    category: str | None,
    categories: str | None,
    min_score: float,
    min_keypoint_score: float,
    annotated: str | None,
    annotated_images: str | None,
    work_dir: str,
    method: str,
    backbone: str | None,
    backbone_of: str | None,
    input_size: tuple[int, int],
    epochs: int,
    batch_size: int,
    workers: int,
    seed: int,
    flip: bool | None,
    pretrained: bool,
    load_from: str | None,
    device: str | None,
    resume: bool,
    force: bool,
    allow_pickle: bool,
) -> None:
    """Train a detector on ANNOTATIONS: labels of `kpt autolabel`, or what a human made of them
    (a COCO file, an export of CVAT, Label Studio, ..., a folder of images with a JSON file each).

    Writes WORK_DIR/detector.py and WORK_DIR/epoch_N.pth, an ordinary config and checkpoint for
    MMPose's inferencers and tools.

    \b
    Examples:
      kpt train-detector labels/annotations.json --images photos/ --min-score 0.5
      kpt train-detector corrected.xml --images photos/ --method coke --work-dir work_dirs/coke
    """
    from kpt_plugins.annotation_formats import read_annotations
    from kpt_plugins.apis import detector_backbone
    from kpt_plugins.apis.detector_config import DetectorOptions, mirrors
    from kpt_plugins.apis.detector_labels import (
        read_human_labels,
        read_labels,
        unlabelled_keypoints,
    )
    from kpt_plugins.apis.detector_training import (
        device_environment,
        prepare_training,
        train_detector,
    )
    from kpt_plugins.apis.termination import exit_on_sigterm

    exit_on_sigterm()
    if resume and force:
        raise click.UsageError('--resume goes on with a run, --force begins it anew: give one')
    if backbone_of and (backbone or pretrained):
        given = '--backbone' if backbone else '--pretrained'
        raise click.UsageError(f'{given} is of a ResNet, --backbone-of names another: give one')
    device_environment(device)
    options = DetectorOptions(
        method=method,
        depth=int((backbone or 'resnet18').removeprefix('resnet')),
        input_size=input_size,
        epochs=epochs,
        batch_size=batch_size,
        workers=workers,
        seed=seed,
        flip=flip,
        pretrained=pretrained,
        load_from=load_from,
        backbone=detector_backbone.backbone_of(backbone_of, allow_pickle) if backbone_of else None,
    )
    original = read_annotations(categories) if categories else None
    labels = read_labels(
        annotations, images, category, format, original, min_score, min_keypoint_score
    )
    human = None
    if annotated:
        human = read_human_labels(annotated, annotated_images, labels.category)
    config = prepare_training(labels, human, options, work_dir, resume, force)
    found = f'{labels.num_objects} objects in {len(labels.annotations.images)} images'
    click.echo(f'{annotations}: {found}; {labels.dropped} objects left out')
    if labels.unsure_keypoints:
        click.echo(f'  {labels.unsure_keypoints} of their keypoints are not sure enough')
    if labels.untouched:
        click.echo(f'  {labels.untouched} objects are as in {categories}, and as sure')
    if (min_score or min_keypoint_score) and not labels.has_scores:
        click.echo('  No label has a confidence: --min-score and --min-keypoint-score do nothing')
    if human:
        click.echo(f'{annotated}: {human.num_objects} objects')
    if flip is None and not mirrors(labels.category):
        click.echo(
            'Images are not mirrored: no names tell left from right, and no pairs are given (name '
            'them left_... and right_..., or give --flip if the object has no sides)'
        )
    if unlabelled := unlabelled_keypoints([labels, human] if human else [labels]):
        click.echo(f'No label shows {", ".join(unlabelled)}: the detector will not find them')
    try:
        config, checkpoint = train_detector(config, work_dir, device, allow_pickle)
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f'{config}\n{checkpoint}')
    click.echo(
        f"MMPoseInferencer(pose2d='{config}', pose2d_weights='{checkpoint}', "
        f"det_model='whole_image')"
    )
