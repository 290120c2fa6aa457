"""The neutral form of keypoint annotations: what every reader returns and every writer takes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

ABSENT, HIDDEN, VISIBLE = 0, 1, 2
"""Visibility of a keypoint as in COCO: not labelled; labelled though hidden; labelled and seen."""


@dataclass
class KeypointCategory:
    """A kind of object and its keypoints.

    Attributes:
        name: What annotators call it.
        keypoint_names: K names, each once.
        skeleton: Links (a, b) between keypoint indices, zero-based.
        flip_pairs: (left, right) keypoint indices that a mirror exchanges.

    Raises:
        ValueError: For names that occur twice, and indices of keypoints that there are not.
    """

    name: str
    keypoint_names: list[str]
    skeleton: list[tuple[int, int]] = field(default_factory=list)
    flip_pairs: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = self.keypoint_names = [str(name) for name in self.keypoint_names]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f'category {self.name!r}: keypoint names {twice} occur twice')
        for what in ('skeleton', 'flip_pairs'):
            pairs = getattr(self, what)
            for pair in pairs:
                if not _is_pair(pair, len(names)):
                    raise ValueError(
                        f'category {self.name!r}: {what} has {pair!r}, expected two of the '
                        f'keypoint indices 0 to {len(names) - 1}'
                    )
            setattr(self, what, [(int(a), int(b)) for a, b in pairs])


def _is_pair(pair: object, size: int) -> bool:
    """Whether it is two whole numbers from 0 to size - 1."""
    if not isinstance(pair, (list, tuple, np.ndarray)) or len(pair) != 2:
        return False
    return all(isinstance(i, (int, np.integer)) and 0 <= i < size for i in pair)


@dataclass
class KeypointInstance:
    """One annotated object in an image.

    Attributes:
        category: Name of its :class:`KeypointCategory`.
        keypoints: ``float64 array (K, 3)``: x, y in pixels of the original image and visibility
            (``ABSENT``, ``HIDDEN``, ``VISIBLE``). Absent ones have the coordinates 0, 0.
        bbox: x, y, width, height in pixels, None where the tool has none.
        scores: ``float array (K,)`` in [0, 1] where a model predicted the keypoints, else None.

    Raises:
        ValueError: For arrays of another shape, a visibility that is none, coordinates that are
            no numbers, a box without a size.
    """

    category: str
    keypoints: np.ndarray
    bbox: tuple[float, float, float, float] | None = None
    scores: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.keypoints = np.array(self.keypoints, dtype=np.float64)
        if self.keypoints.ndim != 2 or self.keypoints.shape[1] != 3:
            raise ValueError(f'keypoints must be (K, 3), got {self.keypoints.shape}')
        visibility = self.keypoints[:, 2]
        if not np.isin(visibility, (ABSENT, HIDDEN, VISIBLE)).all():
            raise ValueError(f'visibility must be 0, 1 or 2, got {visibility.tolist()}')
        self.keypoints[visibility == ABSENT] = 0
        if not np.isfinite(self.keypoints).all():
            raise ValueError(f'keypoints have coordinates that are no numbers: {self.keypoints}')
        if self.bbox is not None:
            self.bbox = tuple(float(value) for value in self.bbox)
            if len(self.bbox) != 4 or not np.isfinite(self.bbox).all() or min(self.bbox[2:]) <= 0:
                raise ValueError(f'bbox must be x, y, width, height above 0, got {self.bbox}')
        if self.scores is not None:
            self.scores = np.array(self.scores, dtype=np.float64)
            if self.scores.shape != (len(self.keypoints),):
                raise ValueError(
                    f'scores must be ({len(self.keypoints)},), got {self.scores.shape}'
                )


@dataclass
class AnnotatedImage:
    """An image and the objects annotated in it.

    Attributes:
        file_name: Path relative to the folder of images, with forward slashes.
        width, height: In pixels, None where the tool does not say and the image was not at hand.
        instances: Possibly none.
    """

    file_name: str
    width: int | None = None
    height: int | None = None
    instances: list[KeypointInstance] = field(default_factory=list)


@dataclass
class AnnotationSet:
    """Annotated images of one or more categories.

    Raises:
        ValueError: If an instance is of no category, or has another number of keypoints; the
            message names its image.
    """

    categories: list[KeypointCategory]
    images: list[AnnotatedImage] = field(default_factory=list)

    def __post_init__(self) -> None:
        sizes = {category.name: len(category.keypoint_names) for category in self.categories}
        if len(sizes) < len(self.categories):
            raise ValueError(f'category names occur twice: {[c.name for c in self.categories]}')
        for image in self.images:
            for instance in image.instances:
                expected, found = sizes.get(instance.category), len(instance.keypoints)
                if expected is None:
                    raise ValueError(
                        f'{image.file_name}: category {instance.category!r}, expected one of '
                        f'{sorted(sizes)}'
                    )
                if expected != found:
                    raise ValueError(
                        f'{image.file_name}: {found} keypoints, but category '
                        f'{instance.category!r} has {expected}'
                    )

    def category(self, name: str) -> KeypointCategory:
        """The category of a name.

        Raises:
            KeyError: If there is none.
        """
        for category in self.categories:
            if category.name == name:
                return category
        raise KeyError(f'no category {name!r}: {[c.name for c in self.categories]}')
