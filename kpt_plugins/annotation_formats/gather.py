"""Single named points and boxes, gathered into instances.

This is how annotation tools without a notion of keypoints store them: a point has the name of its
keypoint, a box that of its category, and a group ties them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from .records import AnnotatedImage, AnnotationSet, KeypointCategory, KeypointInstance

NO_BOX_CATEGORY = 'object'
"""Category of points that no box names."""


@dataclass
class NamedPoint:
    """A point.

    Attributes:
        name: Of its keypoint.
        x, y: In pixels.
        visibility: As in `records`.
        score: Of a model; None for a point that a human set, which is sure beside those of a model.
        group: What ties it to other points and a box, None for nothing.
    """

    name: str
    x: float
    y: float
    visibility: int
    score: float | None = None
    group: Hashable = None


@dataclass
class NamedBox:
    """A box: the name of its category, x, y, width, height in pixels, and its group."""

    name: str
    bbox: tuple[float, float, float, float]
    group: Hashable = None


@dataclass
class LooseInstance:
    """The points of one instance, in any order, its category and its box."""

    category: str
    points: list[NamedPoint] = field(default_factory=list)
    bbox: tuple[float, float, float, float] | None = None


def gather(points: Sequence[NamedPoint], boxes: Sequence[NamedBox]) -> list[LooseInstance]:
    """The instances of an image: boxes first, then groups of points without one.

    A group is an instance, and so is a box without one. A point without a group belongs to the only
    instance, else to the only box that contains it. Without any box or group all points are one.

    Raises:
        ValueError: If a group has two boxes, a point may belong to several boxes, or an instance
            has a keypoint twice.
    """
    groups: dict[Hashable, LooseInstance] = {}
    for number, box in enumerate(boxes):
        group = ('box', number) if box.group is None else box.group
        if group in groups:
            raise ValueError(f'group {group!r} has two boxes, expected one an instance')
        groups[group] = LooseInstance(box.name, bbox=box.bbox)
    for point in points:
        if point.group is not None:
            groups.setdefault(point.group, LooseInstance(NO_BOX_CATEGORY)).points.append(point)
    if not groups and points:
        groups[None] = LooseInstance(NO_BOX_CATEGORY)
    instances = list(groups.values())
    for point in points:
        if point.group is None:
            _owner(point, instances).points.append(point)
    for instance in instances:
        names = [point.name for point in instance.points]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f'{twice} twice in one instance of {instance.category!r}')
    return instances


def _owner(point: NamedPoint, instances: list[LooseInstance]) -> LooseInstance:
    if len(instances) == 1:
        return instances[0]
    containing = [i for i in instances if i.bbox is not None and _contains(i.bbox, point)]
    if len(containing) != 1:
        raise ValueError(
            f'point {point.name!r} at ({point.x:g}, {point.y:g}) is in no group and in '
            f'{len(containing)} boxes, expected a group or one box'
        )
    return containing[0]


def _contains(bbox: tuple[float, float, float, float], point: NamedPoint) -> bool:
    x, y, width, height = bbox
    return x <= point.x <= x + width and y <= point.y <= y + height


def assemble(
    found: Sequence[tuple[AnnotatedImage, list[LooseInstance]]],
    known: Sequence[KeypointCategory] = (),
) -> AnnotationSet:
    """Annotations of loose instances.

    Args:
        found: The images, without instances, and theirs.
        known: Categories that the file describes. The keypoints of others are those that occur,
            in the order in which they do first; one of which none occurs is left out.

    Raises:
        ValueError: If a point is no keypoint of its known category; the message names the image.
    """
    categories = {category.name: category for category in known}
    names: dict[str, dict[str, None]] = {}
    for _, instances in found:
        for instance in instances:
            occurring = names.setdefault(instance.category, {})
            occurring.update(dict.fromkeys(point.name for point in instance.points))
    for name, occurring in names.items():
        if name not in categories and occurring:
            categories[name] = KeypointCategory(name, list(occurring))
    images = []
    for image, instances in found:
        for instance in instances:
            if instance.category in categories:
                try:
                    whole = _whole(instance, categories[instance.category])
                except ValueError as error:
                    raise ValueError(f'{image.file_name}: {error}') from error
                image.instances.append(whole)
        images.append(image)
    return AnnotationSet(list(categories.values()), images)


def _whole(instance: LooseInstance, category: KeypointCategory) -> KeypointInstance:
    names = category.keypoint_names
    keypoints, scores = np.zeros((len(names), 3)), np.zeros(len(names))
    for point in instance.points:
        if point.name not in names:
            raise ValueError(f'{category.name!r} has no keypoint {point.name!r}, only {names}')
        index = names.index(point.name)
        keypoints[index] = point.x, point.y, point.visibility
        scores[index] = 1 if point.score is None else point.score
    scored = any(point.score is not None for point in instance.points)
    return KeypointInstance(category.name, keypoints, instance.bbox, scores if scored else None)
