"""What a user has annotated: photos, keypoints, links. Values that never change."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from kpt_plugins.structures.left_right import find_left_right_pairs

from .boxes import Box, Corner

MAX_PHOTOS = 5
MAX_KEYPOINTS = 100
MAX_NAME_LENGTH = 60

Mode = Literal['add', 'move', 'link', 'box']


@dataclass(frozen=True)
class Point:
    """Place of a keypoint in a photo, x and y in its pixels; hidden if something covers it."""

    x: float
    y: float
    hidden: bool = False


@dataclass(frozen=True)
class Photo:
    """A support.

    Attributes:
        name: What it is called.
        image: ``uint8 array (H, W, 3)``, BGR.
        points: Of each keypoint, None where the photo does not show it.
        bbox: Box of the object, None is the whole photo.
    """

    name: str
    image: np.ndarray = field(compare=False, repr=False)
    points: tuple[Point | None, ...] = ()
    bbox: Box | None = None


@dataclass(frozen=True)
class Annotation:
    """A category being annotated. What is only a matter of the view does not count in ``==``.

    Attributes:
        category: Its name.
        names: Of the keypoints.
        links: Pairs of keypoints, counted from 0, the lower one first.
        pairs: (left, right) keypoints of a category that was loaded; see :meth:`left_right`.
        photos: At most :data:`MAX_PHOTOS`.
        photo: Which one is looked at.
        keypoint: Which one is selected, None without any.
        mode: What a click does: place the next keypoint, move the selected one, link two, mark a
            corner of the object's box.
        link_start: The first keypoint of a link that is being made.
        corner: The first corner of a box that is being marked.
        max_keypoints: Most keypoints that the model takes.
    """

    category: str = 'object'
    names: tuple[str, ...] = ()
    links: tuple[tuple[int, int], ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    photos: tuple[Photo, ...] = ()
    photo: int = field(default=0, compare=False)
    keypoint: int | None = field(default=None, compare=False)
    mode: Mode = field(default='add', compare=False)
    link_start: int | None = field(default=None, compare=False)
    corner: Corner | None = field(default=None, compare=False)
    max_keypoints: int = field(default=MAX_KEYPOINTS, compare=False)

    @property
    def shown(self) -> Photo:
        """The photo that is looked at.

        Raises:
            ValueError: If there is none.
        """
        if not self.photos:
            raise ValueError('There is no photo yet: add one first.')
        return self.photos[self.photo]

    @property
    def point(self) -> Point | None:
        """Where the selected keypoint is in this photo."""
        if self.keypoint is None or not self.photos:
            return None
        return self.shown.points[self.keypoint]

    @property
    def target(self) -> int | None:
        """The keypoint that the next click in mode ``add`` places; None is a new one.

        The selected one if it has no place in this photo, otherwise the next that has none.
        """
        points = self.shown.points
        start = 0 if self.keypoint is None else self.keypoint
        order = [*range(start, len(points)), *range(start)]
        return next((k for k in order if points[k] is None), None)

    @property
    def has_begun(self) -> bool:
        """Whether there is one half of a link or box."""
        return self.link_start is not None or self.corner is not None

    def settled(self) -> Annotation:
        """Without the half of a link or box."""
        return replace(self, link_start=None, corner=None)

    @property
    def left_right(self) -> list[tuple[int, int]]:
        """(left, right) keypoints: told by their names, and those of a category that was loaded."""
        found = find_left_right_pairs(self.names)
        taken = {index for pair in found for index in pair}
        return found + [pair for pair in self.pairs if not taken & set(pair)]
