"""EXIF orientation: how a stored image is turned to stand upright."""

from __future__ import annotations

import struct

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
