"""Pictures of occluders, and pasting them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from mmengine.logging import print_log

_SUFFIXES = {'.png', '.webp', '.tif', '.tiff', '.jpg', '.jpeg', '.bmp', '.gif'}
_MAX_SIDE = 320


class CutoutFolder(Sequence):
    """The cut-outs of a folder: images whose transparency says what belongs to the thing shown.

    Only their headers are read at first; a picture is decoded when it is asked for, and kept.

    Args:
        folder: searched with its subfolders; the order is that of the paths. Files that are no
            images by their suffix are passed over.

    Raises:
        FileNotFoundError: if there is no such folder, or no image in it.
        ValueError: naming the file, if an image cannot be read or has no transparency.
    """

    def __init__(self, folder: str | Path) -> None:
        # Beside OpenCV, because it reads a header without decoding the pixels.
        from PIL import Image, UnidentifiedImageError

        self.folder = Path(folder).expanduser()
        if not self.folder.is_dir():
            raise FileNotFoundError(f'occluders={str(folder)!r}: there is no such folder')
        self.paths = sorted(
            path for path in self.folder.rglob('*') if path.suffix.lower() in _SUFFIXES
        )
        if not self.paths:
            raise FileNotFoundError(
                f'occluders={str(folder)!r}: no image in it; expected RGBA cut-outs, PNG for '
                f'instance'
            )
        for path in self.paths:
            try:
                with Image.open(path) as image:
                    clear = 'A' in image.getbands() or 'transparency' in image.info
                    mode = image.mode
            except (OSError, UnidentifiedImageError) as error:
                raise ValueError(f'occluder {path} cannot be read as an image: {error}') from error
            if not clear:
                raise ValueError(
                    f'occluder {path} has no alpha channel (its mode is {mode}); expected a '
                    f'cut-out with transparency, RGBA'
                )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:
        return read_cutout(self.paths[index])

    def __repr__(self) -> str:
        return f'CutoutFolder({str(self.folder)!r})'


@lru_cache(maxsize=4)
def procedural_cutouts(seed: int) -> tuple[np.ndarray, ...]:
    """Textured blobs, polygons and bars; drawn once a process and seed, in about 0.2 s.

    Returns:
        uint8 (h, w, 4) each, as :func:`read_cutout`.
    """
    # Here, because it brings the whole synthetic dataset along.
    from kpt_plugins.synthesis.occluders import textured_occluders

    pictures = tuple(_premultiplied(picture) for picture in textured_occluders(seed))
    for picture in pictures:
        picture.flags.writeable = False
    return pictures


@lru_cache(maxsize=1024)
def read_cutout(path: Path) -> np.ndarray:
    """A cut-out, cropped to what can be seen and at most 320 pixels long.

    Returns:
        uint8 (h, w, 4): BGR times coverage, and coverage; shared, do not write to it.

    Raises:
        ValueError: if the file cannot be decoded, or nothing can be seen on it.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            rgba = np.asarray(image.convert('RGBA'))
    except OSError as error:
        raise ValueError(f'occluder {path} cannot be decoded: {error}') from error
    rows, columns = (np.flatnonzero((rgba[..., 3] > 127).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        raise ValueError(f'occluder {path} is wholly transparent')
    if (rgba[..., 3] == 255).all():
        print_log(
            f'occluder {path} is nowhere transparent: it will be a rectangle',
            'current',
            logging.WARNING,
        )
    picture = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1][..., [2, 1, 0, 3]]
    # A border, so that no edge is cut when the picture is turned.
    picture = _premultiplied(np.pad(picture, ((2, 2), (2, 2), (0, 0))))
    scale = _MAX_SIDE / max(picture.shape[:2])
    if scale < 1:
        picture = _shrink(picture, scale)
    picture.flags.writeable = False
    return picture


def paste(image: np.ndarray, covered: np.ndarray, picture: np.ndarray, matrix: np.ndarray) -> None:
    """Put a picture into an image, both changed in place.

    Args:
        image: (H, W, 3) BGR in [0, 255], uint8 or float32.
        covered: bool (H, W), set where the picture hides the image by more than a half.
        picture: uint8 (h, w, 4), BGR times coverage, and coverage.
        matrix: float64 (2, 3), pixels of the picture to pixels of the image, both counted from the
            centre of the first pixel.
    """
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.6:  # the bilinear warp alone would skip pixels
        height, width = picture.shape[:2]
        picture = _shrink(picture, scale)
        ratio = np.array([width / picture.shape[1], height / picture.shape[0]])
        linear = matrix[:, :2] * ratio
        matrix = np.column_stack([linear, matrix[:, 2] + matrix[:, :2] @ (ratio / 2 - 0.5)])
    height, width = picture.shape[:2]
    ends = np.array([(-1, -1), (width, -1), (-1, height), (width, height)]) @ matrix[:, :2].T
    ends += matrix[:, 2]
    x0, y0 = np.maximum(np.floor(ends.min(axis=0)).astype(int), 0).tolist()
    x1, y1 = np.ceil(ends.max(axis=0)).astype(int).tolist()
    x1, y1 = min(x1 + 1, image.shape[1]), min(y1 + 1, image.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    local = matrix - np.array([[0, 0, x0], [0, 0, y0]])
    patch = cv2.warpAffine(picture, local, (x1 - x0, y1 - y0))
    alpha = patch[..., 3:].astype(np.float32) / 255
    window = image[y0:y1, x0:x1]
    mixed = window * (1 - alpha) + patch[..., :3]
    if image.dtype == np.uint8:
        mixed = np.clip(mixed + 0.5, 0, 255)
    window[:] = mixed
    covered[y0:y1, x0:x1] |= patch[..., 3] > 127


def _premultiplied(picture: np.ndarray) -> np.ndarray:
    """BGR times coverage: what is transparent leaves no fringe when pixels are averaged."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    colour = np.clip(picture[..., :3] * alpha + 0.5, 0, 255).astype(np.uint8)
    return np.concatenate([colour, picture[..., 3:]], axis=2)


def _shrink(picture: np.ndarray, scale: float) -> np.ndarray:
    size = [max(1, round(length * scale)) for length in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
