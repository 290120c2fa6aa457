"""Boxes of objects: of two corners that were clicked on, or of four numbers that were typed."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

Corner = tuple[float, float]
"""x, y in pixels of the photo."""

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the photo, x1 < x2 and y1 < y2."""

MIN_SIDE = 4.0
"""Pixels of a box's shorter side; less is a click that hit the same place twice."""


def inside(x: float, y: float, shape: Sequence[int]) -> Corner:
    """The place of a photo of this shape (height, width, ...) that is closest to x, y.

    Raises:
        ValueError: If they are no finite numbers.
    """
    if not (np.isfinite(x) and np.isfinite(y)):
        raise ValueError('A place is two numbers, x and y in pixels.')
    return float(np.clip(x, 0, shape[1])), float(np.clip(y, 0, shape[0]))


def box_of(first: Corner, second: Corner, shape: Sequence[int]) -> Box | None:
    """The box of two opposite corners, whichever they are, as far as it lies in the photo.

    Args:
        first, second: The corners.
        shape: Of the photo, (height, width, ...).

    Returns:
        The box, None if it is the whole photo.

    Raises:
        ValueError: If it is too small.
    """
    xs, ys = zip(inside(*first, shape), inside(*second, shape), strict=True)
    box = (min(xs), min(ys), max(xs), max(ys))
    if min(box[2] - box[0], box[3] - box[1]) < MIN_SIDE:
        raise ValueError(
            f'A box needs two opposite corners, at least {MIN_SIDE:.0f} pixels apart in x and y.'
        )
    return None if box == (0, 0, shape[1], shape[0]) else box


def parse_box(text: str, shape: Sequence[int]) -> Box | None:
    """The box of four numbers; nothing is the whole photo, None.

    Raises:
        ValueError: If it is something else, or too small.
    """
    words = re.split(r'[\s,;]+', text.strip(' \t\n,;()[]'))
    if words == ['']:
        return None
    try:
        x1, y1, x2, y2 = map(float, words)
    except ValueError:
        raise ValueError(
            'A box is four numbers in pixels, x1, y1, x2, y2, or nothing for the whole photo.'
        ) from None
    return box_of((x1, y1), (x2, y2), shape)


def format_box(box: Box | None) -> str:
    """What :func:`parse_box` reads, to a tenth of a pixel."""
    return '' if box is None else ', '.join(f'{round(value, 1):g}' for value in box)
