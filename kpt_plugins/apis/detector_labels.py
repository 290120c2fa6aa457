"""The labels that a detector is trained on: predicted ones that are sure enough, and human ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kpt_plugins.annotation_formats import (
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
    read_annotations,
)
from kpt_plugins.annotation_formats.conform import conform
from kpt_plugins.annotation_formats.records import ABSENT

from .support_files import read_sidecars


@dataclass
class Labels:
    """Labels of one category and where their images are.

    Attributes:
        path: Of the annotation file.
        images: Folder of the images.
        annotations: Of one category; only images with an object.
        dropped: Objects that were not sure enough, or show no keypoint.
        unsure_keypoints: Keypoints that were not sure enough, of the objects that are left.
    """

    path: Path
    images: Path
    annotations: AnnotationSet
    dropped: int = 0
    unsure_keypoints: int = 0

    @property
    def category(self) -> KeypointCategory:
        return self.annotations.categories[0]

    @property
    def num_objects(self) -> int:
        return sum(len(image.instances) for image in self.annotations.images)

    def files(self) -> set[Path]:
        """The files of the images, resolved."""
        return {(self.images / image.file_name).resolve() for image in self.annotations.images}

    def without(self, files: set[Path]) -> None:
        """Leave out the images in these files."""
        self.annotations.images = [
            image
            for image in self.annotations.images
            if (self.images / image.file_name).resolve() not in files
        ]


def read_labels(
    path: str | Path,
    images: str | Path | None = None,
    category: str | None = None,
    format: str | None = None,
    categories: Sequence[KeypointCategory] | None = None,
    min_score: float = 0.0,
    min_keypoint_score: float = 0.0,
) -> Labels:
    """Read labels to train on.

    Objects and keypoints without a confidence were set by a human and are sure.

    Args:
        path: Annotations in any format of :mod:`kpt_plugins.annotation_formats`, or a folder of
            images with sidecars, as :func:`~kpt_plugins.apis.support_files.read_supports` takes.
        images: Folder of their images, by default that of the file.
        category: Name of the category; not needed where there is only one.
        format: As of :func:`~kpt_plugins.annotation_formats.read_annotations`.
        categories: As there, for formats that do not hold the order of the keypoints.
        min_score: Least mean confidence of an object's keypoints.
        min_keypoint_score: Keypoints below get the visibility 0: they are not trained on.

    Raises:
        FileNotFoundError: If the file or an image is missing.
        ValueError: If the file is damaged, the category is not named or not there, or no object is
            left.
    """
    path = Path(path).expanduser()
    folder = _image_folder(path, images)
    annotations = _read(path, format, folder, categories)
    annotations = _of_category(annotations, category, path)
    labels = Labels(path, folder, annotations)
    kept = []
    best = 0.0
    for image in annotations.images:
        accepted = []
        for instance in image.instances:
            score = instance_score(instance)
            unsure = _hide_unsure(instance, min_keypoint_score)
            best = max(best, score)
            if score >= min_score and instance.keypoints[:, 2].any():
                accepted.append(instance)
                labels.unsure_keypoints += unsure
            else:
                labels.dropped += 1
        if accepted:
            image.instances = accepted
            kept.append(image)
    annotations.images = kept
    if not kept:
        raise ValueError(
            f'{path}: none of {labels.dropped} objects is accepted, the surest has the confidence '
            f'{best:.2f}; expected one with at least {min_score:g} (--min-score) and a keypoint '
            f'with at least {min_keypoint_score:g} (--min-keypoint-score)'
        )
    _require_images(kept, folder, path)
    return labels


def read_human_labels(
    path: str | Path, images: str | Path | None, category: KeypointCategory
) -> Labels:
    """Read labels that are mixed in: of the same category, their keypoints in its order.

    Args:
        path: As of :func:`read_labels`.
        images: Folder of their images, by default that of the file.
        category: Of the other labels.

    Raises:
        FileNotFoundError: If the file or an image is missing.
        ValueError: As :func:`read_labels`, and if the category has other keypoints.
    """
    path = Path(path).expanduser()
    annotations = _read(path, None, _image_folder(path, images))
    names = [found.name for found in annotations.categories]
    name = category.name if category.name in names else None
    labels = read_labels(path, images, name)
    try:
        labels.annotations = conform(labels.annotations, [category])
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    return labels


def instance_score(instance: KeypointInstance) -> float:
    """Mean confidence of the labelled keypoints; 1 for labels of a human, 0 without a keypoint."""
    labelled = instance.keypoints[:, 2] != ABSENT
    if not labelled.any():
        return 0.0
    return 1.0 if instance.scores is None else float(instance.scores[labelled].mean())


def _read(
    path: Path,
    format: str | None,
    images: Path,
    categories: Sequence[KeypointCategory] | None = None,
) -> AnnotationSet:
    found = read_sidecars(path) if path.is_dir() and format is None else None
    return found or read_annotations(path, format, images, categories)


def _image_folder(path: Path, images: str | Path | None) -> Path:
    if images:
        return Path(images).expanduser()
    return path if path.is_dir() else path.parent


def _hide_unsure(instance: KeypointInstance, least: float) -> int:
    """Make keypoints below a confidence absent; returns how many."""
    if instance.scores is None:
        return 0
    unsure = (instance.scores < least) & (instance.keypoints[:, 2] != ABSENT)
    instance.keypoints[unsure] = 0
    return int(np.count_nonzero(unsure))


def _of_category(annotations: AnnotationSet, name: str | None, path: Path) -> AnnotationSet:
    names = [category.name for category in annotations.categories]
    if name is None and len(names) == 1:
        name = names[0]
    if name not in names:
        given = 'several categories' if name is None else f'no category {name!r}'
        if not names:
            given = 'no category with keypoints'
        raise ValueError(f'{path}: {given}, expected the name of one of {", ".join(names)}')
    for image in annotations.images:
        image.instances = [i for i in image.instances if i.category == name]
    return AnnotationSet([annotations.category(name)], annotations.images)


def _require_images(images: Sequence[AnnotatedImage], folder: Path, path: Path) -> None:
    missing = [image.file_name for image in images if not (folder / image.file_name).is_file()]
    if missing:
        raise FileNotFoundError(
            f'{folder / missing[0]}: there is no such image; {len(missing)} of the {len(images)} '
            f'images of {path} are missing'
        )
