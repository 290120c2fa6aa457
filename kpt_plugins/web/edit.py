"""Steps of annotating: functions that take an annotation and return the next one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np

from .annotation import (
    MAX_NAME_LENGTH,
    MAX_PHOTOS,
    Annotation,
    Mode,
    Photo,
    Point,
)
from .boxes import Box, box_of, inside

NEAR = 0.015
"""How far a click may be from a keypoint that is meant, as a part of the photo's longer side."""


def add_photo(annotation: Annotation, name: str, image: np.ndarray) -> Annotation:
    """Append a photo, ``uint8 array (H, W, 3)`` BGR, and look at it.

    Raises:
        ValueError: If there are :data:`MAX_PHOTOS` already.
    """
    if len(annotation.photos) >= MAX_PHOTOS:
        raise ValueError(f'{name}: there are {MAX_PHOTOS} photos already. Remove one first.')
    photo = Photo(name, image, (None,) * len(annotation.names))
    count = len(annotation.photos)
    first = 0 if annotation.names else None
    photos = (*annotation.photos, photo)
    annotation = annotation.settled()
    return replace(annotation, photos=photos, photo=count, keypoint=first, mode='add')


def remove_photo(annotation: Annotation) -> Annotation:
    """Remove the photo that is looked at. The keypoints stay."""
    removed = annotation.shown
    photos = tuple(photo for photo in annotation.photos if photo is not removed)
    last = max(0, len(photos) - 1)
    return replace(annotation.settled(), photos=photos, photo=min(annotation.photo, last))


def show_photo(annotation: Annotation, index: int) -> Annotation:
    """Look at another photo."""
    if not 0 <= index < len(annotation.photos):
        raise ValueError(f'There is no photo {index + 1}.')
    return replace(annotation.settled(), photo=index)


def select(annotation: Annotation, index: int) -> Annotation:
    """Select a keypoint."""
    _check_index(annotation, index)
    return replace(annotation, keypoint=index)


def set_mode(annotation: Annotation, mode: Mode) -> Annotation:
    """Choose what a click does."""
    if mode not in get_args(Mode):
        raise ValueError(f'{mode!r}: a click is one of {", ".join(get_args(Mode))}.')
    return replace(annotation.settled(), mode=mode)


def click(annotation: Annotation, x: float, y: float) -> Annotation:
    """What a click on the photo does in the present mode.

    Args:
        annotation: As it is.
        x, y: Pixels of the photo.

    Raises:
        ValueError: If there is nothing to move or link there, or the box is too small.
    """
    if annotation.mode == 'box':
        return mark_corner(annotation, x, y)
    hit = nearest(annotation, x, y)
    if annotation.mode == 'move':
        return move(annotation, x, y)
    if annotation.mode == 'add':
        return place(annotation, x, y) if hit is None else select(annotation, hit)
    if hit is None:
        raise ValueError('There is no keypoint here: click on the first and then on the second.')
    if annotation.link_start is None:
        return replace(annotation, link_start=hit, keypoint=hit)
    return toggle_link(annotation, annotation.link_start, hit)


def nearest(annotation: Annotation, x: float, y: float) -> int | None:
    """The keypoint of the photo that is :data:`NEAR` to a place in pixels, None without one."""
    photo = annotation.shown
    limit = max(4.0, NEAR * max(photo.image.shape[:2]))
    if annotation.mode == 'link':
        limit *= 2  # only keypoints are meant here, and fingers are broad
    found = [
        (np.hypot(point.x - x, point.y - y), index)
        for index, point in enumerate(photo.points)
        if point is not None
    ]
    distance, index = min(found, default=(np.inf, None))
    return index if distance <= limit else None


def place(annotation: Annotation, x: float, y: float) -> Annotation:
    """Place :attr:`Annotation.target`, which is a new keypoint where all have a place."""
    target = annotation.target
    if target is None:
        annotation = add_keypoint(annotation)
        target = len(annotation.names) - 1
    point = Point(*inside(x, y, annotation.shown.image.shape))
    return _set_point(select(annotation, target), point)


def add_keypoint(annotation: Annotation) -> Annotation:
    """Append a keypoint without a place, and select it.

    Raises:
        ValueError: If there is no photo, or there are as many as the model takes.
    """
    count = len(annotation.names)
    annotation.shown  # noqa: B018  raises without a photo
    if count >= annotation.max_keypoints:
        raise ValueError(f'There are {count} keypoints already, the most that this model takes.')
    number = count + 1
    while f'keypoint_{number}' in annotation.names:
        number += 1
    photos = tuple(replace(photo, points=(*photo.points, None)) for photo in annotation.photos)
    names = (*annotation.names, f'keypoint_{number}')
    return replace(annotation, names=names, photos=photos, keypoint=count)


def move(annotation: Annotation, x: float, y: float) -> Annotation:
    """Give the selected keypoint a place, x and y in pixels, whether it has one or not."""
    before = annotation.point
    _selected(annotation)
    hidden = before is not None and before.hidden
    point = Point(*inside(x, y, annotation.shown.image.shape), hidden)
    return _set_point(annotation, point)


def mark_corner(annotation: Annotation, x: float, y: float) -> Annotation:
    """Begin the object's box with a corner, or end it with the opposite one; a click then places
    keypoints again.

    Raises:
        ValueError: If the two are too close.
    """
    shape = annotation.shown.image.shape
    corner = inside(x, y, shape)
    if annotation.corner is None:
        return replace(annotation, corner=corner)
    return replace(set_box(annotation, box_of(annotation.corner, corner, shape)), mode='add')


def set_box(annotation: Annotation, box: Box | None) -> Annotation:
    """Say where the object is in the photo that is looked at; None is the whole photo."""
    return _change_shown(annotation.settled(), bbox=box)


def toggle_hidden(annotation: Annotation) -> Annotation:
    """Mark the selected keypoint as hidden in this photo, or as visible again."""
    index = _selected(annotation)
    point = annotation.point
    if point is None:
        raise ValueError(
            f'{annotation.names[index]}: give it a place first, as you would guess it.'
        )
    return _set_point(annotation, replace(point, hidden=not point.hidden))


def clear_point(annotation: Annotation) -> Annotation:
    """Take the selected keypoint off this photo."""
    _selected(annotation)
    return _set_point(annotation, None)


def delete_keypoint(annotation: Annotation) -> Annotation:
    """Remove the selected keypoint from all photos, with its links."""
    index = _selected(annotation)

    def without(items: tuple) -> tuple:
        return items[:index] + items[index + 1 :]

    def renumber(pairs: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((a - (a > index), b - (b > index)) for a, b in pairs if index not in (a, b))

    names = without(annotation.names)
    return replace(
        annotation.settled(),
        names=names,
        links=renumber(annotation.links),
        pairs=renumber(annotation.pairs),
        photos=tuple(replace(p, points=without(p.points)) for p in annotation.photos),
        keypoint=min(index, len(names) - 1) if names else None,
    )


def rename(annotation: Annotation, index: int, name: str) -> Annotation:
    """Name a keypoint.

    Raises:
        ValueError: If the name is empty, too long, or another keypoint's.
    """
    _check_index(annotation, index)
    name = clean_name(name)
    if name == annotation.names[index]:
        return annotation
    if name in annotation.names[:index] + annotation.names[index + 1 :]:
        raise ValueError(f'{name!r}: another keypoint has this name already.')
    names = list(annotation.names)
    names[index] = name
    return replace(annotation, names=tuple(names))


def rename_category(annotation: Annotation, name: str) -> Annotation:
    """Name the category.

    Raises:
        ValueError: If the name is empty or too long.
    """
    name = clean_name(name)
    return annotation if name == annotation.category else replace(annotation, category=name)


def toggle_link(annotation: Annotation, a: int, b: int) -> Annotation:
    """Link two keypoints, or part them if they are linked."""
    _check_index(annotation, a)
    _check_index(annotation, b)
    if a == b:
        raise ValueError(f'{annotation.names[a]}: a link needs two different keypoints.')
    link = (min(a, b), max(a, b))
    links = tuple(other for other in annotation.links if other != link)
    if len(links) == len(annotation.links):
        links += (link,)
    return replace(annotation.settled(), links=links, keypoint=b)


def clean_name(name: str) -> str:
    """A name without control characters and needless blanks.

    Raises:
        ValueError: If nothing is left, or more than :data:`MAX_NAME_LENGTH` characters.
    """
    text = ' '.join(''.join(c if c.isprintable() else ' ' for c in str(name)).split())
    if not text:
        raise ValueError('A name needs at least one letter.')
    if len(text) > MAX_NAME_LENGTH:
        raise ValueError(f'A name has at most {MAX_NAME_LENGTH} letters, this one {len(text)}.')
    return text


def _set_point(annotation: Annotation, point: Point | None) -> Annotation:
    points = list(annotation.shown.points)
    points[annotation.keypoint] = point
    return _change_shown(annotation, points=tuple(points))


def _change_shown(annotation: Annotation, **changes: Any) -> Annotation:
    photos = list(annotation.photos)
    photos[annotation.photo] = replace(annotation.shown, **changes)
    return replace(annotation, photos=tuple(photos))


def _selected(annotation: Annotation) -> int:
    annotation.shown  # noqa: B018  raises without a photo
    if annotation.keypoint is None:
        raise ValueError('There is no keypoint yet: click on the photo.')
    return annotation.keypoint


def _check_index(annotation: Annotation, index: int) -> None:
    if index is None or not 0 <= index < len(annotation.names):
        raise ValueError('There is no such keypoint.')
