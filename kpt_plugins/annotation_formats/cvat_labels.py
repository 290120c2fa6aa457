"""The labels of a CVAT task: skeletons with their keypoints and links.

A skeleton has sublabels, the keypoints in order, and a drawing in SVG whose circles are the
keypoints and whose lines are the links. The same facts stand in `<meta>` of an export and in the
JSON that the "Raw" tab of CVAT's label constructor takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np

from .boxes import box_of
from .records import ABSENT, AnnotationSet, KeypointCategory
from .safe_xml import parse_xml


def read_labels(root: ElementTree.Element) -> list[KeypointCategory]:
    """The skeletons among the labels of an export, of a task, a job or a project.

    Raises:
        ValueError: If a name is missing or twice, or the drawing of a skeleton is not XML.
    """
    labels = root.findall('meta/*/labels/label')
    names: dict[str, list[str]] = {}
    for label in labels:
        parent = label.findtext('parent')
        if parent:
            names.setdefault(parent, []).append(_name(label))
    categories = []
    for label in labels:
        if label.findtext('type') == 'skeleton':
            name = _name(label)
            keypoints = names.get(name, [])
            links = _links(label.findtext('svg') or '', keypoints, name)
            categories.append(KeypointCategory(name, keypoints, links))
    return categories


def raw_labels(annotations: AnnotationSet) -> list[dict]:
    """Labels for the label constructor: a skeleton and a rectangle for each category."""
    labels = []
    for category in annotations.categories:
        points = [dict(name=name, type='points', attributes=[]) for name in category.keypoint_names]
        drawing = _drawing(category, _layout(annotations, category))
        labels.append(
            dict(
                name=category.name,
                type='skeleton',
                attributes=[],
                sublabels=points,
                svg=drawing,
            )
        )
        labels.append(dict(name=box_label(category.name), type='rectangle', attributes=[]))
    return labels


def box_label(category: str) -> str:
    """Label of the boxes of a category: CVAT does not draw boxes with the label of a skeleton."""
    return f'{category} box'


def add_labels(parent: ElementTree.Element, labels: Sequence[dict]) -> None:
    """Add labels as `<labels>` of an export."""
    element = ElementTree.SubElement(parent, 'labels')
    for label in labels:
        added = _add_label(element, label['name'], label['type'])
        if 'svg' in label:
            ElementTree.SubElement(added, 'svg').text = label['svg']
        for sublabel in label.get('sublabels', ()):
            added = _add_label(element, sublabel['name'], sublabel['type'])
            ElementTree.SubElement(added, 'parent').text = label['name']


def _add_label(parent: ElementTree.Element, name: str, kind: str) -> ElementTree.Element:
    label = ElementTree.SubElement(parent, 'label')
    for tag, text in (('name', name), ('type', kind), ('attributes', '')):
        ElementTree.SubElement(label, tag).text = text
    return label


def _name(label: ElementTree.Element) -> str:
    name = label.findtext('name')
    if not name:
        raise ValueError('label: name is missing')
    return name


def _links(svg: str, keypoints: list[str], label: str) -> list[tuple[int, int]]:
    """The lines of a drawing between circles that name their keypoint, as keypoint indices."""
    try:
        drawing = parse_xml(f'<svg>{svg}</svg>')
    except ValueError as error:
        raise ValueError(f'label {label!r}: svg: {error}') from error
    nodes = {
        circle.get('data-node-id'): keypoints.index(circle.get('data-label-name'))
        for circle in drawing.iter('circle')
        if circle.get('data-label-name') in keypoints
    }
    lines = [
        (nodes.get(line.get('data-node-from')), nodes.get(line.get('data-node-to')))
        for line in drawing.iter('line')
    ]
    return [(a, b) for a, b in lines if a is not None and b is not None]


def _layout(annotations: AnnotationSet, category: KeypointCategory) -> np.ndarray:
    """Mean place of each keypoint in the box of its instance, (K, 2); on a circle if never seen."""
    count = len(category.keypoint_names)
    angles = 2 * np.pi * np.arange(count) / max(count, 1)
    total, number = np.zeros((count, 2)), np.zeros((count, 1))
    for image in annotations.images:
        for instance in image.instances:
            if instance.category == category.name:
                box = np.array(box_of(instance))
                labelled = instance.keypoints[:, 2:] != ABSENT
                total += np.where(labelled, (instance.keypoints[:, :2] - box[:2]) / box[2:], 0)
                number += labelled
    circle = 0.5 + 0.4 * np.stack([np.sin(angles), -np.cos(angles)], axis=1)
    return np.clip(np.where(number > 0, total / np.maximum(number, 1), circle), 0, 1)


def _drawing(category: KeypointCategory, layout: np.ndarray) -> str:
    """The drawing of a skeleton, 100 x 100."""
    places = [(f'{x:.2f}', f'{y:.2f}') for x, y in 5 + 90 * layout]
    elements = []
    for a, b in category.skeleton:
        ends = dict(zip(('x1', 'y1', 'x2', 'y2'), (*places[a], *places[b]), strict=True))
        nodes = {'data-type': 'edge', 'data-node-from': f'{a + 1}', 'data-node-to': f'{b + 1}'}
        elements.append(ElementTree.Element('line', ends | nodes))
    for number, (name, (x, y)) in enumerate(zip(category.keypoint_names, places, strict=True), 1):
        node = {'data-type': 'element node', 'data-element-id': f'{number}'}
        node |= {'data-node-id': f'{number}', 'data-label-name': name}
        elements.append(ElementTree.Element('circle', dict(r='0.75', cx=x, cy=y) | node))
    return ''.join(
        ElementTree.tostring(element, encoding='unicode', short_empty_elements=False)
        for element in elements
    )
