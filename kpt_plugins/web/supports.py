"""Annotations of the page as supports of the inferencer, and back."""

from __future__ import annotations

import numpy as np

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.apis.support_set import Support, SupportSet

from .annotation import MAX_KEYPOINTS, MAX_PHOTOS, Annotation, Photo, Point
from .edit import clean_name

_HIDDEN, _VISIBLE = 1, 2


def to_supports(annotation: Annotation) -> SupportSet:
    """The photos that show a keypoint, as supports.

    Raises:
        ValueError: If there is none.
    """
    photos = [photo for photo in annotation.photos if any(photo.points)]
    if not photos:
        raise ValueError('There is no keypoint yet: add a photo and click on its keypoints.')
    category = KeypointCategory(
        annotation.category, list(annotation.names), list(annotation.links), annotation.left_right
    )
    supports = [
        Support(photo.name, photo.image, np.array([_row(p) for p in photo.points]), photo.bbox)
        for photo in photos
    ]
    return SupportSet(category, supports)


def from_supports(supports: SupportSet, max_keypoints: int = MAX_KEYPOINTS) -> Annotation:
    """Supports as an annotation that can be edited.

    Args:
        max_keypoints: Most that the model takes.

    Raises:
        ValueError: If they have more photos or keypoints than are possible, or bad names.
    """
    category = supports.category
    for count, limit, what in (
        (len(supports.supports), MAX_PHOTOS, 'photos'),
        (len(category.keypoint_names), max_keypoints, 'keypoints'),
    ):
        if count > limit:
            raise ValueError(f'{count} {what}, at most {limit} are possible here.')
    photos = []
    for number, each in enumerate(supports.supports, 1):
        height, width = each.image.shape[:2]
        box = tuple(each.bbox.tolist())
        points = tuple(Point(x, y, v == _HIDDEN) if v else None for x, y, v in each.keypoints)
        whole = box == (0, 0, width, height)
        photos.append(Photo(f'photo {number}', each.image, points, None if whole else box))
    return Annotation(
        clean_name(category.name),
        tuple(clean_name(name) for name in category.keypoint_names),
        tuple((min(link), max(link)) for link in category.skeleton),
        tuple(tuple(pair) for pair in category.flip_pairs),
        tuple(photos),
        keypoint=0,
        max_keypoints=max_keypoints,
    )


def _row(point: Point | None) -> tuple[float, float, int]:
    if point is None:
        return 0, 0, 0
    return point.x, point.y, _HIDDEN if point.hidden else _VISIBLE
