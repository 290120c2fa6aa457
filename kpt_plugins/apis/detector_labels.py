"""The labels that a detector is trained on: predicted ones that are sure enough, and human ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kpt_plugins.annotation_formats import (
    FORMATS,
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
    read_annotations,
)
from kpt_plugins.annotation_formats.conform import conform
from kpt_plugins.annotation_formats.detect import detect_format
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
        untouched: Objects that are as they were predicted, and as sure, in a format that does not
            hold confidences.
    """

    path: Path
    images: Path
    annotations: AnnotationSet
    dropped: int = 0
    unsure_keypoints: int = 0
    untouched: int = 0

    @property
    def category(self) -> KeypointCategory:
        return self.annotations.categories[0]

    @property
    def num_objects(self) -> int:
        return len(self._instances)

    @property
    def _instances(self) -> list[KeypointInstance]:
        return [label for image in self.annotations.images for label in image.instances]

    @property
    def shown(self) -> np.ndarray:
        """``bool array (K,)``: which keypoints any label shows."""
        return np.any([label.keypoints[:, 2] != ABSENT for label in self._instances], axis=0)

    @property
    def has_scores(self) -> bool:
        """Whether any label has a confidence, and not all count as set by a human."""
        return any(label.scores is not None for label in self._instances)

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
    original: AnnotationSet | None = None,
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
        original: The labels as they were predicted, if these are corrected ones. They tell the
            categories, for formats that do not hold the order of the keypoints, and, for those that
            do not hold confidences, the confidence of objects that nobody has touched.
        min_score: Least mean confidence of an object's keypoints.
        min_keypoint_score: Keypoints below get the visibility 0: they are not trained on.

    Raises:
        FileNotFoundError: If the file or an image is missing.
        ValueError: If the file is damaged, the category is not named or not there, or no object is
            left.
    """
    path = Path(path).expanduser()
    folder = _image_folder(path, images)
    annotations = _read(path, format, folder, original)
    annotations = _of_category(annotations, category, path)
    labels = Labels(path, folder, annotations)
    if original and not _holds_scores(path, format):
        labels.untouched = _restore_scores(annotations, original)
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


def unlabelled_keypoints(parts: Sequence[Labels]) -> list[str]:
    """Names of keypoints that no label of any part shows; the parts are of one category."""
    shown = np.any([part.shown for part in parts], axis=0)
    names = parts[0].category.keypoint_names
    return [name for name, seen in zip(names, shown, strict=True) if not seen]


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
    original: AnnotationSet | None = None,
) -> AnnotationSet:
    found = read_sidecars(path) if path.is_dir() and format is None else None
    return found or read_annotations(path, format, images, original and original.categories)


def _holds_scores(path: Path, format: str | None) -> bool:
    """Whether confidences would be in the file; no format that is a folder has them."""
    if format is None and path.is_dir():
        return False
    return 'scores' not in FORMATS[format or detect_format(path)].LOSES


def _restore_scores(labels: AnnotationSet, original: AnnotationSet) -> int:
    """Give objects that are as they were predicted their confidences; returns how many."""
    predicted = {image.file_name: image.instances for image in original.images}
    count = 0
    for image in labels.images:
        for label in image.instances:
            for other in predicted.get(image.file_name, ()):
                if other.scores is not None and _is_same(label, other):
                    label.scores = other.scores
                    count += 1
                    break
    return count


def _is_same(label: KeypointInstance, other: KeypointInstance) -> bool:
    """Whether no keypoint differs by more than formats round."""
    if label.category != other.category or label.keypoints.shape != other.keypoints.shape:
        return False
    return bool((abs(label.keypoints - other.keypoints) <= _ROUNDING).all())


_ROUNDING = 0.02
"""Pixels: files of CVAT and of ours have two decimals."""


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
