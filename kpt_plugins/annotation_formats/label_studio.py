"""Label Studio, one JSON list of tasks (export "JSON", version 1; not "JSON-MIN").

    data                              the address of the image
    annotations[].result[], or        regions, coordinates in percent of the image
    predictions[].result[]            the same from a model, with a score
        type rectanglelabels          box with the name of the category
        type keypointlabels           keypoint with its name; `parentID` is the id of its box
        type choices, same id         the choice `hidden`: labelled though hidden

Of several annotations of a task the one marked as ground truth counts, else the last that was not
cancelled; without any, the last prediction. Whoever submits an annotation takes its points for
right: scores that regions still have from a prediction do not count. A keypoint without a parent
belongs to the only box of the image or the only one that contains it. Regions of other types are
left out, turned boxes become the upright ones around them.

Written are predictions for images with scores (pre-annotations, to be corrected), annotations for
others, and `NAME.config.xml` beside `NAME.json`: the labeling interface that the project needs.
Images have the address /data/local-files/?d=FOLDER/FILE with the name of the folder of images, if
it is given: LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT is the folder that holds it, and it is itself to
be added to the project as a local storage.

Lost are links, pairs, keypoints outside the image and the parts of boxes there, the order of the
keypoints (that of their first occurrence is taken) and the names of those that never occur: read
with `categories` to restore them. An instance without a box gets the extent of its keypoints. The
size of an image is in its regions.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree

from kpt_plugins.datasets.annotation_file import read_json

from .boxes import box_around_rotated, box_of, clip_box, outside_image
from .fields import fraction, mapping, number, pixels, sequence, take, text, wrong
from .gather import LooseInstance, NamedBox, NamedPoint, assemble, gather
from .image_files import relative_name, with_sizes
from .records import (
    ABSENT,
    HIDDEN,
    VISIBLE,
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
)

LOSES = frozenset({'names', 'skeleton', 'flip pairs', 'boxless', 'outside'})
POINT_SIZE = 0.5
"""Diameter of a keypoint as drawn, percent of the width of the image."""
_UPLOAD = re.compile(r'^/data/upload/\d+/(?P<file>(?:[0-9a-f]{8}-)?(?P<name>.+))$')


def outputs(annotations: AnnotationSet, path: Path) -> list[Path]:
    """The files that :func:`write` writes: the tasks and the labeling interface."""
    return [path, path.with_name(f'{path.stem}.config.xml')]


def read(path: Path, images: str | Path | None) -> AnnotationSet:
    """Read an export, or tasks with predictions.

    Raises:
        ValueError: If it is no list of tasks, or a field of one is wrong.
    """
    found = []
    for index, task in enumerate(sequence(read_json(path), 'tasks')):
        where = f'tasks[{index}]'
        task = mapping(task, where)
        name = _image_name(take(task, 'data', mapping, where), images, f'{where}: data')
        image = AnnotatedImage(name)
        result, by_human = _chosen_result(task, where)
        found.append((image, _read_result(result, image, by_human, where)))
    return assemble(found)


def write(annotations: AnnotationSet, path: Path, images: str | Path | None) -> None:
    """Write tasks to import, and the labeling interface.

    Raises:
        FileNotFoundError, ValueError: If the size of an image is not known and cannot be read.
    """
    annotations = with_sizes(annotations, images)
    folder = '' if images is None else f'{Path(images).resolve().name}/'
    tasks = []
    for image in annotations.images:
        address = f'/data/local-files/?d={quote(folder + image.file_name)}'
        result = []
        for group, instance in enumerate(image.instances, 1):
            category = annotations.category(instance.category)
            result += _regions(instance, category, image, f'{group}')
        tasks.append(dict(data=dict(image=address), **_answer(image.instances, result)))
    path.write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding='utf-8')
    config = outputs(annotations, path)[1]
    config.write_text(_interface(annotations.categories), encoding='utf-8')


def _image_name(data: dict, images: str | Path | None, where: str) -> str:
    """File name of the image at the address in the data of a task."""
    if 'image' in data:
        address = text(data['image'], f'{where}: image')
    else:
        texts = [value for value in data.values() if isinstance(value, str)]
        if len(texts) != 1:
            raise wrong(data, where, 'the address of one image')
        address = texts[0]
    upload = _UPLOAD.match(unquote(address))
    if upload:  # uploaded files get a prefix, which the files of the user do not have
        name = relative_name(upload['file'], images, where)
        found = images is not None and (Path(images) / name).is_file()
        return name if found or images is None else relative_name(upload['name'], images, where)
    parts = urlsplit(address)
    if parts.path.endswith('/data/local-files/'):
        return relative_name(parse_qs(parts.query).get('d', [''])[0], images, where)
    if parts.scheme and '://' in address:
        return relative_name(unquote(parts.path).lstrip('/'), images, where)
    return relative_name(address, images, where)


def _chosen_result(task: dict, where: str) -> tuple[list, bool]:
    """The regions that count, and whether a human submitted them."""
    answers = [
        mapping(answer, f'{where}: annotations')
        for answer in sequence(task.get('annotations') or [], f'{where}: annotations')
    ]
    answers = [answer for answer in answers if not answer.get('was_cancelled')]
    answers = [answer for answer in answers if answer.get('ground_truth') is True] or answers
    by_human = bool(answers)
    answers = answers or sequence(task.get('predictions') or [], f'{where}: predictions')
    if not answers:
        return [], by_human
    answer = mapping(answers[-1], f'{where}: predictions')
    return take(answer, 'result', sequence, where), by_human


def _read_result(
    result: list, image: AnnotatedImage, by_human: bool, where: str
) -> list[LooseInstance]:
    regions = [
        (mapping(region, f'{where}: result[{i}]'), f'{where}: result[{i}]')
        for i, region in enumerate(result)
    ]
    hidden = {
        str(region.get('id'))
        for region, place in regions
        if region.get('type') == 'choices'
        and 'hidden' in take(take(region, 'value', mapping, place), 'choices', sequence, place)
    }
    points, boxes = [], []
    for region, place in regions:
        kind = region.get('type')
        if kind in ('keypoint', 'rectangle'):
            raise ValueError(f'{place}: type: {kind}, expected the region with its label')
        if kind not in ('keypointlabels', 'rectanglelabels'):
            continue
        if region.get('image_rotation') not in (None, 0):
            raise wrong(region['image_rotation'], f'{place}: image_rotation', '0')
        image.width = take(region, 'original_width', pixels, place)
        image.height = take(region, 'original_height', pixels, place)
        value = take(region, 'value', mapping, place)
        identity = str(region.get('id'))
        if kind == 'rectanglelabels':
            boxes.append(
                NamedBox(_label(value, kind, place), _read_box(value, image, place), identity)
            )
        else:
            x, y = _read_share(value, 'x', place), _read_share(value, 'y', place)
            score = region.get('score')
            score = None if score is None else number(score, f'{place}: score')
            point = NamedPoint(
                _label(value, kind, place),
                x * image.width,
                y * image.height,
                HIDDEN if identity in hidden else VISIBLE,
                None if by_human else score,
                None if region.get('parentID') in (None, '') else str(region['parentID']),
            )
            points.append(point)
    return gather(points, boxes)


def _label(value: dict, kind: str, where: str) -> str:
    labels = take(value, kind, sequence, where)
    if len(labels) != 1:
        raise wrong(labels, f'{where}: {kind}', 'one label')
    return text(labels[0], f'{where}: {kind}')


def _read_share(value: dict, key: str, where: str) -> float:
    return fraction(take(value, key, number, where), f'{where}: {key}', 100.0)


def _read_box(value: dict, image: AnnotatedImage, where: str) -> tuple:
    x, y, width, height = (_read_share(value, k, where) for k in ('x', 'y', 'width', 'height'))
    if width <= 0 or height <= 0:
        raise wrong([width, height], f'{where}: width, height', 'numbers above 0')
    box = (x * image.width, y * image.height, width * image.width, height * image.height)
    degrees = number(value.get('rotation') or 0, f'{where}: rotation')
    return box_around_rotated(box, degrees, box[:2]) if degrees else box


def _answer(instances: list[KeypointInstance], result: list[dict]) -> dict:
    """The regions of an image as an annotation, or as a prediction where they have scores."""
    scores = [
        instance.scores[instance.keypoints[:, 2] != ABSENT].mean()
        for instance in instances
        if instance.scores is not None and (instance.keypoints[:, 2] != ABSENT).any()
    ]
    if not any(instance.scores is not None for instance in instances):
        return dict(annotations=[dict(result=result)])
    score = float(sum(scores) / len(scores)) if scores else 0.0
    return dict(predictions=[dict(model_version='kpt_plugins', score=score, result=result)])


def _regions(
    instance: KeypointInstance, category: KeypointCategory, image: AnnotatedImage, prefix: str
) -> list[dict]:
    box = clip_box(box_of(instance), image.width, image.height)
    if box is None:
        return []
    x, y, width, height = box
    share = dict(
        x=x / image.width * 100,
        y=y / image.height * 100,
        width=width / image.width * 100,
        height=height / image.height * 100,
    )
    value = dict(share, rotation=0, rectanglelabels=[category.name])
    regions = [_region(prefix, 'rectanglelabels', 'box', value, image)]
    outside = outside_image(instance, image)
    for index, (x, y, visibility) in enumerate(instance.keypoints.tolist()):
        if visibility == ABSENT or outside[index]:
            continue
        place = dict(x=x / image.width * 100, y=y / image.height * 100, width=POINT_SIZE)
        identity = f'{prefix}-{index}'
        value = dict(place, keypointlabels=[category.keypoint_names[index]])
        region = _region(identity, 'keypointlabels', 'keypoint', value, image)
        region['parentID'] = prefix
        if instance.scores is not None:
            region['score'] = float(instance.scores[index])
        regions.append(region)
        if visibility == HIDDEN:
            value = dict(place, choices=['hidden'])
            regions.append(_region(identity, 'choices', 'visibility', value, image))
    return regions


def _region(identity: str, kind: str, control: str, value: dict, image: AnnotatedImage) -> dict:
    return dict(
        id=identity,
        type=kind,
        from_name=control,
        to_name='image',
        original_width=image.width,
        original_height=image.height,
        image_rotation=0,
        value=value,
    )


def _interface(categories: list[KeypointCategory]) -> str:
    """The labeling interface of a project; `model_index` is the order of the keypoints in it."""
    view = ElementTree.Element('View')
    ElementTree.SubElement(view, 'Image', name='image', value='$image')
    boxes = ElementTree.SubElement(view, 'RectangleLabels', name='box', toName='image')
    for category in categories:
        ElementTree.SubElement(boxes, 'Label', value=category.name)
    points = ElementTree.SubElement(view, 'KeyPointLabels', name='keypoint', toName='image')
    names = dict.fromkeys(name for category in categories for name in category.keypoint_names)
    for index, name in enumerate(names):
        ElementTree.SubElement(points, 'Label', value=name, model_index=str(index))
    choices = ElementTree.SubElement(
        view, 'Choices', name='visibility', toName='image', perRegion='true', choice='multiple'
    )
    ElementTree.SubElement(choices, 'Choice', value='hidden')
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding='unicode') + '\n'
