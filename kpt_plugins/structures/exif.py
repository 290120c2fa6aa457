"""EXIF orientation: how a stored image is turned to stand upright."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

_ORIENTATION = 0x0112


def orientation(exif: bytes) -> int:
    """The orientation in EXIF data, 1 to 8; 1, upright, where it is not stated or cannot be read.

    `Image.getexif` would decode all of a PNG for it. From 5 on the image lies on its side.
    """
    parsed = Image.Exif()
    try:
        parsed.load(exif)
        found = parsed.get(_ORIENTATION, 1)
    except (SyntaxError, ValueError, TypeError, OSError, struct.error):
        return 1
    return found if found in range(1, 9) else 1


def turn_upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """An image (H, W, C) as it was stored, upright."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
