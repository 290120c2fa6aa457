"""Bringing annotations to known categories, where a format does not hold the categories whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .records import AnnotationSet, KeypointCategory, KeypointInstance


def conform(annotations: AnnotationSet, categories: Sequence[KeypointCategory]) -> AnnotationSet:
    """The annotations in the keypoint order, names and links of given categories.

    A category of the file is the given one of its name; else the only given one that has all its
    keypoints; else, where its keypoints have no names (keypoint_0, ...), the only given one with as
    many. Keypoints that the file does not have are absent.

    Raises:
        ValueError: If no given category or more than one fits, or a keypoint is not one of its.
    """
    pairs = {found.name: (found, _match(found, categories)) for found in annotations.categories}
    images = [
        replace(image, instances=[_reorder(i, *pairs[i.category]) for i in image.instances])
        for image in annotations.images
    ]
    return AnnotationSet(list(categories), images)


def unnamed_keypoints(count: int) -> list[str]:
    """The names of keypoints that have none."""
    return [f'keypoint_{index}' for index in range(count)]


def _match(found: KeypointCategory, categories: Sequence[KeypointCategory]) -> KeypointCategory:
    names, count = set(found.keypoint_names), len(found.keypoint_names)
    unnamed = found.keypoint_names == unnamed_keypoints(count)
    fitting = [c for c in categories if c.name == found.name]
    if not fitting and unnamed:
        fitting = [c for c in categories if len(c.keypoint_names) == count]
    if not fitting:
        fitting = [c for c in categories if names <= set(c.keypoint_names)]
    if len(fitting) != 1:
        offered = '; '.join(f'{c.name} ({", ".join(c.keypoint_names)})' for c in categories)
        raise ValueError(
            f'category {found.name!r} with the keypoints {found.keypoint_names}: expected to fit '
            f'one of the given categories, it fits {len(fitting)} of {offered}'
        )
    category = fitting[0]
    unknown = sorted(names - set(category.keypoint_names))
    if unknown and not (unnamed and count == len(category.keypoint_names)):
        raise ValueError(
            f'category {found.name!r}: unknown keypoints {unknown}, expected some of '
            f'{category.keypoint_names}'
        )
    return category


def _reorder(
    instance: KeypointInstance, found: KeypointCategory, category: KeypointCategory
) -> KeypointInstance:
    names = category.keypoint_names
    if found.keypoint_names == unnamed_keypoints(len(names)):
        return replace(instance, category=category.name)
    keypoints = np.zeros((len(names), 3))
    scores = None if instance.scores is None else np.zeros(len(names))
    for index, name in enumerate(found.keypoint_names):
        keypoints[names.index(name)] = instance.keypoints[index]
        if scores is not None:
            scores[names.index(name)] = instance.scores[index]
    return KeypointInstance(category.name, keypoints, instance.bbox, scores)
