"""Annotations that have everything that the neutral form can hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from kpt_plugins.annotation_formats import (
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
    read_annotations,
    write_annotations,
)

COW = KeypointCategory(
    'cow', ['nose', 'left ear', 'right ear', 'Schwanzspitze ü'], [(0, 1), (0, 2)], [(1, 2)]
)
CUP = KeypointCategory('чашка', ['rim', 'handle', 'foot'], [(2, 1)])
SIZES = {'a.png': (64, 48), 'stall 1/b.png': (100, 80), 'stall 1/süd/c.png': (40, 60)}


def sample() -> AnnotationSet:
    """Two categories, three images, one of them without instances, and all visibilities."""
    first = KeypointInstance(
        'cow',
        [[10.5, 20.25, 2], [0, 0, 0], [30, 8, 1], [63, 47, 2]],
        (8, 6, 54.5, 41),
        [0.9, 0, 0.5, 1],
    )
    second = KeypointInstance('cow', [[1, 2, 2], [5, 6, 2], [4, 3, 2], [0, 0, 0]], (0.5, 1, 6, 6))
    third = KeypointInstance('чашка', [[90, 10, 2], [70, 20, 1], [80, 60, 2]], (60, 5, 35, 70))
    instances = [[first], [second, third], []]
    return AnnotationSet(
        [COW, CUP],
        [
            AnnotatedImage(name, *size, found)
            for (name, size), found in zip(SIZES.items(), instances, strict=True)
        ],
    )


def write_images(folder: Path) -> Path:
    """The images of the sample, empty ones."""
    for name, size in SIZES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', size).save(folder / name)
    return folder


def without(annotations: AnnotationSet, *what: str) -> AnnotationSet:
    """Annotations with what a format cannot hold taken out, by the names of `HOLDS`."""
    categories = [
        KeypointCategory(
            c.name,
            c.keypoint_names,
            [] if 'skeleton' in what else c.skeleton,
            [] if 'flip pairs' in what else c.flip_pairs,
        )
        for c in annotations.categories
    ]
    images = []
    for image in annotations.images:
        instances = []
        for i in image.instances:
            keypoints = i.keypoints.copy()
            if 'hidden' in what:
                keypoints[keypoints[:, 2] == 1, 2] = 2
            bbox, scores = i.bbox, i.scores
            instances.append(
                KeypointInstance(
                    i.category,
                    keypoints,
                    None if 'boxes' in what else bbox,
                    None if 'scores' in what else scores,
                )
            )
        size = (None, None) if 'sizes' in what else (image.width, image.height)
        images.append(AnnotatedImage(image.file_name, *size, instances))
    return AnnotationSet(categories, images)


def assert_same(found: AnnotationSet, expected: AnnotationSet, atol: float = 1e-9) -> None:
    """Equal but for rounding; images in any order."""
    assert found.categories == expected.categories
    by_name = {image.file_name: image for image in found.images}
    assert sorted(by_name) == sorted(image.file_name for image in expected.images)
    for image in expected.images:
        other = by_name[image.file_name]
        assert (other.width, other.height) == (image.width, image.height)
        assert len(other.instances) == len(image.instances)
        for one, two in zip(other.instances, image.instances, strict=True):
            assert one.category == two.category
            np.testing.assert_allclose(one.keypoints, two.keypoints, atol=atol)
            assert (one.bbox is None) == (two.bbox is None)
            if one.bbox is not None:
                np.testing.assert_allclose(one.bbox, two.bbox, atol=atol)
            assert (one.scores is None) == (two.scores is None)
            if one.scores is not None:
                np.testing.assert_allclose(one.scores, two.scores, atol=atol)


def round_trip(annotations: AnnotationSet, path: Path, format: str, **kwargs) -> AnnotationSet:
    """Write, recognise, read."""
    write_annotations(annotations, path, format, kwargs.get('images'))
    return read_annotations(path, **kwargs)


def dump(path: Path, data: object) -> Path:
    """Write JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding='utf-8')
    return path
