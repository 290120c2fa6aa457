"""Marking the object's box in the photos to predict on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from .boxes import Box, Corner, box_of, inside
from .pictures import draw_box, preview, preview_scale
from .prediction import Query


@dataclass(frozen=True)
class LookedAt:
    """The photo, or the first frame of the video, in which a box is marked.

    Attributes:
        index: Its place among the files.
        picture: Its preview, ``uint8 array (h, w, 3)``, BGR.
        shape: Of the photo itself, (height, width).
        corner: The first corner of a box that is being marked.
    """

    index: int
    picture: np.ndarray = field(repr=False)
    shape: tuple[int, int]
    corner: Corner | None = None

    def draw(self, box: Box | None) -> np.ndarray:
        """The preview with a box."""
        return draw_box(self.picture, preview_scale(self.shape), box, self.corner)


def look_at(queries: list[Query], index: int) -> LookedAt:
    """Read one of the files.

    Raises:
        ValueError: If it is not there or cannot be read; names the file as the user calls it.
    """
    if not 0 <= index < len(queries):
        raise ValueError(f'There is no photo {index + 1}.')
    query = queries[index]
    try:
        image = next(iter(query.source.frames())).image
    except (OSError, ValueError, StopIteration, cv2.error) as error:
        raise ValueError(f'{query.name}: the file is damaged or cut off.') from error
    return LookedAt(index, preview(image), image.shape[:2])


def click(query: Query, looked_at: LookedAt, x: float, y: float) -> tuple[Query, LookedAt]:
    """Begin a box with a corner, or end it with the opposite one.

    Args:
        query: The file that is looked at.
        looked_at: Of it.
        x, y: Pixels of the preview.

    Raises:
        ValueError: If the two are too close.
    """
    scale = preview_scale(looked_at.shape)
    corner = inside(x / scale, y / scale, looked_at.shape)
    if looked_at.corner is None:
        return query, replace(looked_at, corner=corner)
    box = box_of(looked_at.corner, corner, looked_at.shape)
    return replace(query, box=box), replace(looked_at, corner=None)
