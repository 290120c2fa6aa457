"""Supports: the few annotated images that say which keypoints to look for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.datasets.category import average_pose, fallback_skeleton
from kpt_plugins.structures.skeleton import normalize_links

from .inference_inputs import Input, load_image


@dataclass
class Support:
    """An annotated image of an object.

    Attributes:
        name: Of its file, or what messages call it.
        image: ``uint8 array (H, W, 3)``, BGR.
        keypoints: ``array (K, 2)`` or ``(K, 3)`` of x, y in pixels of the image and visibility (0:
            not shown, 1: hidden, 2: visible; as in COCO). In an array of two columns coordinates
            that are NaN stand for not shown. Stored as ``float64 (K, 3)``, 0 where not shown.
        bbox: Box of the object, x1, y1, x2, y2 in pixels; by default the whole image. Stored as
            ``float64 (4,)``.

    Raises:
        ValueError: If no keypoint is shown, one lies outside the image, or the box is none.
    """

    name: str
    image: np.ndarray
    keypoints: np.ndarray
    bbox: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.keypoints = _parse_points(self.name, self.keypoints)
        height, width = self.image.shape[:2]
        places = self.keypoints[:, :2]
        # annotation tools round: a point on the border may lie a pixel beyond
        outside = ((places < -1) | (places > (width + 1, height + 1))).any(axis=1)
        if outside.any():
            index = int(np.flatnonzero(outside)[0])
            raise ValueError(
                f'{self.name}: keypoint {index} at {_shown(places[index])}, expected x from 0 to '
                f'{width} and y from 0 to {height}, pixels of the upright image'
            )
        self.bbox = check_boxes(self.bbox, width, height, f'{self.name}: bbox')[0]

    @property
    def visible(self) -> np.ndarray:
        """``bool array (K,)``: which keypoints are annotated, hidden ones included."""
        return self.keypoints[:, 2] > 0


@dataclass
class SupportSet:
    """The supports of a category.

    Attributes:
        category: Its names, skeleton (without links: the minimum spanning tree of the supports'
            mean pose, as the data sets make it) and flip pairs.
        supports: One or more, each of which may show only some of the keypoints.

    Raises:
        ValueError: If there is no support, or one has another number of keypoints.
    """

    category: KeypointCategory
    supports: list[Support]

    def __post_init__(self) -> None:
        if not self.supports:
            raise ValueError(f'category {self.category.name!r}: no support, expected at least one')
        expected = len(self.category.keypoint_names)
        for support in self.supports:
            if len(support.keypoints) != expected:
                raise ValueError(
                    f'{support.name}: {len(support.keypoints)} keypoints, but category '
                    f'{self.category.name!r} has {expected}; all supports must have the same '
                    f'keypoints in the same order, with visibility 0 where one is not shown'
                )
        links = normalize_links(self.category.skeleton, expected, base=0)
        if not len(links):
            links = self._spanning_tree()
        self.category = replace(self.category, skeleton=links.tolist())

    def _spanning_tree(self) -> np.ndarray:
        keypoints = np.stack([support.keypoints for support in self.supports])
        keypoints[..., 2] = keypoints[..., 2] > 0
        boxes = np.stack([support.bbox for support in self.supports])
        return fallback_skeleton('mst', *average_pose(keypoints, boxes))

    @property
    def shown(self) -> np.ndarray:
        """``bool array (K,)``: which keypoints any support shows."""
        return np.any([support.visible for support in self.supports], axis=0)

    @classmethod
    def from_arrays(
        cls,
        images: Input | Sequence[Input],
        keypoints: np.ndarray | Sequence,
        skeleton: Sequence | None = None,
        names: Sequence[str] | None = None,
        bbox: Sequence | None = None,
        flip_pairs: Sequence | None = None,
        category: str = 'object',
    ) -> SupportSet:
        """Supports of images and arrays.

        Args:
            images: An image (path or BGR array), or a list of S.
            keypoints: ``array (K, 2 or 3)`` of the image, or one for each; see :class:`Support`.
            skeleton: Links (a, b) between keypoints, counted from 0.
            names: K names, by default keypoint_0, keypoint_1, ...
            bbox: Box x1, y1, x2, y2 of the object, or for several images a list of a box or None
                for each.
            flip_pairs: (left, right) keypoints that a mirror exchanges, counted from 0.
            category: Name of the category.

        Raises:
            FileNotFoundError, TypeError, ValueError: Naming the image and what is wrong with it.
        """
        if isinstance(images, (list, tuple)):
            if is_box(bbox):
                raise ValueError(
                    f'bbox: {list(bbox)} for a list of images, expected a box or None for each'
                )
            arrays, boxes = list(keypoints), [None] * len(images) if bbox is None else list(bbox)
        else:
            images, arrays, boxes = [images], [keypoints], [bbox]
        for what, values in (('keypoints', arrays), ('bbox', boxes)):
            if len(values) != len(images):
                raise ValueError(
                    f'{what}: {len(values)} for {len(images)} images, expected one for each'
                )
        supports = []
        for number, (image, points, box) in enumerate(zip(images, arrays, boxes, strict=True), 1):
            name = f'support {number}' if isinstance(image, np.ndarray) else str(image)
            supports.append(Support(name, load_image(image, name), points, box))
        counts = {support.name: len(support.keypoints) for support in supports}
        size = len(supports[0].keypoints) if supports else 0
        if isinstance(names, str) or not all(isinstance(name, str) for name in names or ()):
            raise ValueError(f'names: {names!r}, expected a list of texts, the same for all images')
        if names is not None and len(names) != size:
            raise ValueError(f'names: {len(names)} for {size} keypoints (by support: {counts})')
        names = [f'keypoint_{i}' for i in range(size)] if names is None else list(names)
        links = _links(skeleton, size, 'skeleton')
        pairs = _links(flip_pairs, size, 'flip_pairs')
        return cls(KeypointCategory(category, names, links, pairs), supports)


def is_box(values: object) -> bool:
    """Whether it is four numbers, and not a list of boxes."""
    is_list = isinstance(values, (list, tuple, np.ndarray))
    return is_list and len(values) == 4 and all(np.isscalar(value) for value in values)


def check_boxes(
    boxes: Sequence | np.ndarray | None, width: int, height: int, what: str = 'bbox'
) -> np.ndarray:
    """Boxes of an image; None is the whole image.

    Args:
        boxes: A box x1, y1, x2, y2 in pixels, or several ``(N, 4)``.
        width, height: Size of the image.
        what: What the message calls them.

    Returns:
        ``float64 array (N, 4)``.

    Raises:
        ValueError: If it is no box, or lies outside the image.
    """
    if boxes is None:
        boxes = [0, 0, width, height]
    try:
        array = np.atleast_2d(np.array(boxes, dtype=np.float64))
    except (TypeError, ValueError):
        array = np.zeros(0)
    expected = 'expected x1, y1, x2, y2 in pixels with x1 < x2 and y1 < y2'
    if array.ndim != 2 or array.shape[1] != 4 or not np.isfinite(array).all():
        raise ValueError(f'{what} {boxes}: {expected}')
    for box in array:
        x1, y1, x2, y2 = box
        if x2 <= x1 or y2 <= y1:
            raise ValueError(f'{what} {_shown(box)}: {expected}')
        if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
            raise ValueError(
                f'{what} {_shown(box)} lies outside the image of {width} x {height} pixels'
            )
    return array


def _parse_points(name: str, keypoints: np.ndarray | Sequence) -> np.ndarray:
    """Keypoints (K, 3), x, y and visibility 0 to 2; coordinates 0 where it is 0."""
    try:
        if not isinstance(keypoints, np.ndarray):
            keypoints = _same_lengths(list(keypoints))
        array = np.array(keypoints, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'{name}: keypoints: expected a list of [x, y] or [x, y, visibility], all numbers'
        ) from error
    if not array.size:
        raise ValueError(f'{name}: keypoints: there is none')
    if array.ndim != 2 or array.shape[1] not in (2, 3):
        raise ValueError(
            f'{name}: keypoints of shape {array.shape}, expected (K, 2) of x, y or (K, 3) of x, y, '
            f'visibility'
        )
    finite = np.isfinite(array[:, :2]).all(axis=1)
    if array.shape[1] == 2:
        array = np.concatenate([array, 2.0 * finite[:, None]], axis=1)
    wrong = ~np.isin(array[:, 2], (0, 1, 2)) | (~finite & (array[:, 2] > 0))
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f'{name}: keypoint {index} is {_shown(array[index])}, expected finite x, y and a '
            f'visibility of 0 (not shown), 1 (hidden) or 2 (visible)'
        )
    array[array[:, 2] == 0] = 0
    if not array[:, 2].any():
        raise ValueError(f'{name}: the support shows no keypoint, expected at least one')
    return array


def _same_lengths(points: list) -> list:
    """Where some points have a visibility, those without get that of a point that is seen."""
    if {len(point) for point in points} != {2, 3}:
        return points
    return [[*p, 2.0 * np.isfinite([*p]).all()] if len(p) == 2 else p for p in points]


def _links(links: Sequence | None, size: int, what: str) -> list[list[int]]:
    try:
        return normalize_links(links, size, base=0).tolist()
    except ValueError as error:
        raise ValueError(f'{what}: {error}') from error


def _shown(values: np.ndarray) -> str:
    return f'({", ".join(f"{value:g}" for value in values)})'
