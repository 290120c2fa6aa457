"""Uploaded files: what they are is found out before anything decodes them."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from kpt_plugins.apis.inference_inputs import load_image

PHOTO_FORMATS = {'JPEG': '.jpg', 'PNG': '.png', 'WEBP': '.webp', 'BMP': '.bmp'}
"""Formats of photos by Pillow's name, with the suffix of our copy."""

PHOTO_SUFFIXES = ['.jpg', '.jpeg', '.png', '.webp', '.bmp']
VIDEO_SUFFIXES = ['.mp4', '.mov', '.m4v', '.webm', '.mkv', '.avi']

MAX_PHOTO_BYTES = 50_000_000
MAX_PHOTO_PIXELS = 50_000_000
MAX_VIDEO_BYTES = 200_000_000
"""Also the most of any upload."""

# FFmpeg also plays text files that name other files and servers: only these containers get to it.
_VIDEO_STARTS = ((4, b'ftyp', '.mp4'), (0, b'\x1a\x45\xdf\xa3', '.mkv'), (8, b'AVI ', '.avi'))
_LONGEST_NAME = 80


def read_photo(path: Path, name: str) -> np.ndarray:
    """Decode a photo, upright.

    Args:
        path: The uploaded file.
        name: What messages call it.

    Returns:
        ``uint8 array (H, W, 3)``, BGR.

    Raises:
        ValueError: If it is not of :data:`PHOTO_FORMATS`, too large or damaged.
    """
    photo_suffix(path, name)
    try:
        return load_image(path)
    except (OSError, ValueError, cv2.error) as error:
        raise ValueError(f'{name}: the photo is damaged or cut off.') from error


def photo_suffix(path: Path, name: str, max_bytes: int = MAX_PHOTO_BYTES) -> str:
    """Check a photo by its size and content; the suffix that belongs to it.

    Raises:
        ValueError: As of :func:`read_photo`.
    """
    _check_bytes(path, name, max_bytes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with Image.open(path, formats=tuple(PHOTO_FORMATS)) as image:
                (width, height), kind = image.size, image.format
                if width * height > MAX_PHOTO_PIXELS:
                    raise OverflowError
                image.verify()
    except (OverflowError, Image.DecompressionBombError) as error:
        raise ValueError(
            f'{name}: the photo is too large, at most {MAX_PHOTO_PIXELS // 10**6} million pixels '
            f'are possible. Make it smaller.'
        ) from error
    except Exception as error:  # Pillow's decoders raise what they like
        kinds = ', '.join(PHOTO_FORMATS)
        raise ValueError(f'{name}: not a photo that can be read, expected {kinds}.') from error
    return PHOTO_FORMATS[kind]


def video_suffix(path: Path, name: str) -> str | None:
    """Check a video by its first bytes; the suffix that belongs to it, None if it is no video.

    Raises:
        ValueError: If it is too large.
    """
    with path.open('rb') as file:
        start = file.read(16)
    for offset, mark, suffix in _VIDEO_STARTS:
        if start[offset : offset + len(mark)] == mark:
            _check_bytes(path, name, MAX_VIDEO_BYTES)
            return suffix
    return None


def display_name(path: str | Path, taken: set[str] = frozenset()) -> str:
    """The last part of a file's name, printable, short, and not one of those taken."""
    base = str(path).replace('\\', '/').rpartition('/')[2]
    text = ''.join(c for c in base if c.isprintable())[-_LONGEST_NAME:].strip() or 'file'
    stem, dot, suffix = text.rpartition('.')
    number, unique = 1, text
    while unique in taken:
        number += 1
        unique = f'{stem}_{number}{dot}{suffix}' if stem else f'{text}_{number}'
    return unique


def _check_bytes(path: Path, name: str, limit: int) -> None:
    size = path.stat().st_size
    if size > limit:
        raise ValueError(
            f'{name}: the file has {size / 1e6:.0f} MB, at most {limit / 1e6:.0f} MB are possible.'
        )
