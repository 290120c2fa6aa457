"""CVAT, one XML file ("CVAT for images 1.1", exports of a task, a job or a project).

    meta/*/labels/label    name, type; of skeletons `svg`, of their keypoints `parent`
    image                  name, width, height
        skeleton           label, group_id; points in it: label, points "x,y", outside (absent),
                           occluded (hidden)
        points             label, points "x,y;...", occluded, group_id
        box                label, xtl, ytl, xbr, ybr, rotation, group_id

A skeleton is an instance of its label's category; keypoint order and links come from the labels. A
label of plain points that has several points in one shape is a category too: its points are
keypoint_0, keypoint_1, ... in the order in which they were set (give `categories` to name them).
Single points are keypoints with the name of their label, tied by their group (or the box around
them) to an instance of the category that the box's label names. A box in the group of a skeleton or
of ordered points is its box, whatever its label. Other shapes, tags and attributes are left out;
turned boxes become the upright ones around them. Tracks ("CVAT for video") are refused.

Written are skeletons with their boxes in groups, and beside `NAME.xml` a `NAME.labels.json`: paste
it in the tab "Raw" of the label constructor of a new task, then import the annotations as "CVAT
1.1". Lost are pairs and scores (which show as `source="auto"`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from .boxes import box_around_rotated
from .conform import unnamed_keypoints
from .cvat_labels import add_labels, box_label, raw_labels, read_labels
from .fields import parse_number, pixels, wrong
from .gather import LooseInstance, NamedBox, NamedPoint, assemble, gather
from .image_files import relative_name, with_sizes
from .records import (
    ABSENT,
    HIDDEN,
    VISIBLE,
    AnnotatedImage,
    AnnotationSet,
    KeypointInstance,
)
from .safe_xml import parse_xml

LOSES = frozenset({'flip pairs', 'scores'})


def outputs(annotations: AnnotationSet, path: Path) -> list[Path]:
    """The files that :func:`write` writes: the annotations and the labels of the task."""
    return [path, path.with_name(f'{path.stem}.labels.json')]


def read(path: Path, images: str | Path | None) -> AnnotationSet:
    """Read an export.

    Raises:
        ValueError: If it is not "CVAT for images 1.1", or an attribute is missing or wrong.
    """
    root = parse_xml(path.read_bytes())
    version = root.findtext('version')
    if root.tag != 'annotations' or version != '1.1':
        raise ValueError(
            f'<{root.tag}> of version {version!r}, expected <annotations> of version 1.1'
        )
    if root.find('track') is not None:
        raise ValueError('<track>: "CVAT for video", expected an export as "CVAT for images 1.1"')
    labels = read_labels(root)
    known = {label.name for label in labels}
    for shape in root.iterfind('image/skeleton'):
        if known and shape.get('label') not in known:
            raise wrong(shape.get('label'), 'skeleton: label', f'one of {sorted(known)}')
    counts: dict[str, int] = {}
    for shape in root.iterfind('image/points'):
        if ';' in shape.get('points', ''):
            counts.setdefault(shape.get('label', ''), shape.get('points', '').count(';') + 1)
    found = [_read_image(image, counts, images) for image in root.iterfind('image')]
    return assemble(found, labels)


def write(annotations: AnnotationSet, path: Path, images: str | Path | None) -> None:
    """Write annotations to import, and the labels of the task that takes them.

    Raises:
        FileNotFoundError, ValueError: If the size of an image is not known and cannot be read.
    """
    annotations = with_sizes(annotations, images)
    labels = raw_labels(annotations)
    root = ElementTree.Element('annotations')
    ElementTree.SubElement(root, 'version').text = '1.1'
    task = ElementTree.SubElement(ElementTree.SubElement(root, 'meta'), 'task')
    add_labels(task, labels)
    for index, image in enumerate(annotations.images):
        size = dict(width=f'{image.width}', height=f'{image.height}')
        element = ElementTree.SubElement(
            root, 'image', dict(id=f'{index}', name=image.file_name) | size
        )
        for group, instance in enumerate(image.instances, 1):
            names = annotations.category(instance.category).keypoint_names
            _add_instance(element, instance, names, f'{group}')
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding='utf-8', xml_declaration=True)
    text = json.dumps(labels, ensure_ascii=False, indent=2)
    outputs(annotations, path)[1].write_text(text, encoding='utf-8')


def _read_image(
    element: ElementTree.Element, counts: dict[str, int], images: str | Path | None
) -> tuple[AnnotatedImage, list[LooseInstance]]:
    where = f'image {element.get("name")!r}'
    name = relative_name(_attribute(element, 'name', 'image'), images, 'image name')
    width, height = (
        pixels(parse_number(_attribute(element, key, where), f'{where}: {key}'), f'{where}: {key}')
        for key in ('width', 'height')
    )
    boxes = [_read_box(box, f'{where}: box') for box in element.iterfind('box')]
    wholes: dict[str | None, list[LooseInstance]] = defaultdict(list)
    points = []
    for shape in element:
        place = f'{where}: {shape.tag} {shape.get("label")!r}'
        if shape.tag == 'skeleton':
            wholes[_group(shape)].append(_read_skeleton(shape, place))
        elif shape.tag == 'points' and shape.get('label') in counts:
            whole = _read_ordered(shape, counts[shape.get('label')], place)
            wholes[_group(shape)].append(whole)
        elif shape.tag == 'points':
            points.append(_read_point(shape, place))
    free = []
    for box in boxes:
        owners = wholes.get(box.group, []) if box.group is not None else []
        if not owners:
            free.append(box)
        elif len(owners) > 1 or owners[0].bbox is not None:
            raise ValueError(f'{where}: group {box.group} has several boxes or skeletons')
        else:
            owners[0].bbox = box.bbox
    try:
        loose = gather(points, free)
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from error
    return AnnotatedImage(name, width, height), [*sum(wholes.values(), []), *loose]


def _read_skeleton(skeleton: ElementTree.Element, where: str) -> LooseInstance:
    instance = LooseInstance(_attribute(skeleton, 'label', where))
    for element in skeleton.iterfind('points'):
        point = _read_point(element, where)
        if any(other.name == point.name for other in instance.points):
            raise ValueError(f'{where}: keypoint {point.name!r} is there twice')
        instance.points.append(point)
    return instance


def _read_ordered(shape: ElementTree.Element, count: int, where: str) -> LooseInstance:
    """A shape of several points, whose order says which is which."""
    places = _places(shape, where)
    if len(places) != count:
        raise ValueError(f'{where}: {len(places)} points, expected {count} as in the first shape')
    visibility = _visibility(shape, where)
    points = [
        NamedPoint(name, x, y, visibility)
        for name, (x, y) in zip(unnamed_keypoints(len(places)), places, strict=True)
    ]
    return LooseInstance(_attribute(shape, 'label', where), points)


def _read_point(shape: ElementTree.Element, where: str) -> NamedPoint:
    places = _places(shape, where)
    if len(places) != 1:
        raise ValueError(f'{where}: points: {len(places)} of them, expected one')
    label, visibility = _attribute(shape, 'label', where), _visibility(shape, where)
    return NamedPoint(label, *places[0], visibility, group=_group(shape))


def _places(shape: ElementTree.Element, where: str) -> list[tuple[float, float]]:
    places = []
    for pair in _attribute(shape, 'points', where).split(';'):
        numbers = [parse_number(value, f'{where}: points') for value in pair.split(',')]
        if len(numbers) != 2:
            raise wrong(pair, f'{where}: points', 'x,y')
        places.append(tuple(numbers))
    return places


def _visibility(shape: ElementTree.Element, where: str) -> int:
    flags = {key: shape.get(key, '0') for key in ('outside', 'occluded')}
    for key, value in flags.items():
        if value not in ('0', '1'):
            raise wrong(value, f'{where}: {key}', '0 or 1')
    return ABSENT if flags['outside'] == '1' else HIDDEN if flags['occluded'] == '1' else VISIBLE


def _read_box(box: ElementTree.Element, where: str) -> NamedBox:
    x1, y1, x2, y2 = (
        parse_number(_attribute(box, key, where), f'{where}: {key}')
        for key in ('xtl', 'ytl', 'xbr', 'ybr')
    )
    if x2 <= x1 or y2 <= y1:
        raise wrong([x1, y1, x2, y2], where, 'a box with a size')
    bbox = (x1, y1, x2 - x1, y2 - y1)
    degrees = parse_number(box.get('rotation', '0'), f'{where}: rotation')
    if degrees:
        bbox = box_around_rotated(bbox, degrees, ((x1 + x2) / 2, (y1 + y2) / 2))
    return NamedBox(_attribute(box, 'label', where), bbox, _group(box))


def _attribute(element: ElementTree.Element, key: str, where: str) -> str:
    value = element.get(key)
    if not value:
        raise ValueError(f'{where}: {key} is missing')
    return value


def _group(element: ElementTree.Element) -> str | None:
    group = element.get('group_id', '0')
    return None if group == '0' else group


def _add_instance(
    image: ElementTree.Element, instance: KeypointInstance, names: list[str], group: str
) -> None:
    source = 'manual' if instance.scores is None else 'auto'
    common = dict(source=source, z_order='0', group_id=group)
    skeleton = ElementTree.SubElement(image, 'skeleton', dict(label=instance.category) | common)
    for name, (x, y, visibility) in zip(names, instance.keypoints.tolist(), strict=True):
        flags = dict(outside=f'{visibility == ABSENT:d}', occluded=f'{visibility == HIDDEN:d}')
        place = dict(label=name, source=source, points=f'{x:.4f},{y:.4f}')
        ElementTree.SubElement(skeleton, 'points', place | flags)
    if instance.bbox is not None:
        x, y, width, height = instance.bbox
        corners = dict(xtl=x, ytl=y, xbr=x + width, ybr=y + height)
        corners = {key: f'{value:.4f}' for key, value in corners.items()}
        box = dict(label=box_label(instance.category), occluded='0')
        ElementTree.SubElement(image, 'box', box | corners | common)
