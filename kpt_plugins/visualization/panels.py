"""Putting pictures side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

_BACKGROUND = 255
_GAP = 4
_CAPTION_HEIGHT = 18


def add_caption(image: np.ndarray, text: str) -> np.ndarray:
    """Put a line of text above an image; what is too long for it is cut off.

    Args:
        image: ``uint8 array (H, W, 3)``.
        text: plain ASCII is drawn as it is, anything else as '?'.

    Returns:
        ``uint8 array (H + 18, W, 3)``.
    """
    strip = np.full((_CAPTION_HEIGHT, image.shape[1], 3), _BACKGROUND, dtype=np.uint8)
    put_text(strip, text, (2, 13), (0, 0, 0))
    return np.concatenate([strip, image])


def put_text(
    canvas: np.ndarray, text: str, corner: tuple[int, int], color: tuple[int, int, int]
) -> None:
    """Write a line of small text in place, ``corner`` (x, y) its lower left end."""
    plain = text.encode('ascii', 'replace').decode()
    cv2.putText(canvas, plain, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.4, color, 1, cv2.LINE_AA)


def resize_image(image: np.ndarray, longer_side: int) -> np.ndarray:
    """Scale an image so that its longer side has this many pixels."""
    scale = longer_side / max(image.shape[:2])
    size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=kind)


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write an image, making its folder.

    Raises:
        OSError: if it cannot be written, for an unknown suffix or a full disk for example.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        encoded, data = cv2.imencode(path.suffix, image)
    except cv2.error as error:
        raise OSError(f'picture {path} cannot be written: {error}') from error
    if not encoded:
        raise OSError(f'picture {path} cannot be written')
    path.write_bytes(data)


def join_row(images: Sequence[np.ndarray]) -> np.ndarray:
    """Images from left to right, white where one is lower than the others."""
    return _join(images, axis=1)


def join_column(images: Sequence[np.ndarray]) -> np.ndarray:
    """Images from top to bottom, white where one is narrower than the others."""
    return _join(images, axis=0)


def _join(images: Sequence[np.ndarray], axis: int) -> np.ndarray:
    if not images:
        raise ValueError('there is no image to join')
    across = max(image.shape[1 - axis] for image in images)
    parts = []
    for image in images:
        padding = [(0, 0)] * 3
        padding[axis] = (0, _GAP if len(parts) < len(images) - 1 else 0)
        padding[1 - axis] = (0, across - image.shape[1 - axis])
        parts.append(np.pad(image, padding, constant_values=_BACKGROUND))
    return np.concatenate(parts, axis=axis)
