"""What to predict on: a stream of images from files, folders, patterns, videos, cameras, arrays."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from kpt_plugins.annotation_formats.image_files import require_plain_name
from kpt_plugins.datasets.transforms.loading import read_image

MAX_PIXELS = 100_000_000
"""Largest image that is decoded: 300 MB in memory, 10,000 x 10,000 pixels."""

MAX_SIDE = 32_766
"""Longest side: OpenCV cuts no crop out of a longer one."""

IMAGE_SUFFIXES = frozenset('.bmp .gif .jpeg .jpg .jp2 .pgm .png .ppm .tif .tiff .webp'.split())
VIDEO_SUFFIXES = frozenset('.avi .m4v .mkv .mov .mp4 .mpeg .mpg .webm .wmv'.split())

Input = str | Path | np.ndarray


@dataclass(frozen=True)
class Frame:
    """An image to predict on.

    Attributes:
        name: Of its file, relative to the folder it was found in; of its video.
        image: ``uint8 array (H, W, 3)``, BGR.
        index: Place in its video, from 0; None for a still image.
        fps: Frames a second of its video.
    """

    name: str
    image: np.ndarray
    index: int | None = None
    fps: float | None = None


@dataclass(frozen=True)
class Source:
    """A file, a camera or an array, not read yet.

    Attributes:
        name: As of :class:`Frame`.
        data: Path, number of the camera, or array.
    """

    name: str
    data: Path | int | np.ndarray

    @property
    def is_video(self) -> bool:
        if isinstance(self.data, Path):
            return self.data.suffix.lower() in VIDEO_SUFFIXES
        return isinstance(self.data, int)

    def frames(self) -> Iterator[Frame]:
        """Its images, read one by one.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it cannot be decoded, a video ends before its end, or the name of the
                file cannot stand in annotation files.
        """
        if isinstance(self.data, Path):
            require_plain_name(self.data, self.name)
        if self.is_video:
            yield from _read_video(self.name, self.data)
        else:
            yield Frame(self.name, load_image(self.data, self.name))


Inputs = Input | Source | Sequence[Input | Source]


def find_sources(inputs: Inputs) -> list[Source]:
    """The files, cameras and arrays that are meant by an input.

    Args:
        inputs: An image ``array (H, W)``, ``(H, W, 3)`` or ``(H, W, 4)``, BGR; the path of an image
            or a video; a folder, of which all images and videos are taken, but not those in folders
            below it; a pattern such as ``'photos/**/*.jpg'``; ``'webcam'`` or ``'webcam:1'``; a
            source; or a list of these.

    Raises:
        FileNotFoundError: If a single path does not exist, a folder holds nothing, or nothing
            matches a pattern. A missing file of a list is found when it is read.
        TypeError: If it is something else.
        ValueError: If a list is empty, or a camera has no number.
    """
    if isinstance(inputs, (list, tuple)):
        if not inputs:
            raise ValueError('inputs: the list is empty, expected images')
        return [s for n, each in enumerate(inputs) for s in find_item(each, n, alone=False)]
    return find_item(inputs)


def distinct_sources(inputs: Sequence[Input]) -> list[Source]:
    """The sources of a list of inputs, each file once and under a name of its own.

    Args:
        inputs: As in :func:`find_sources`. Files are named relative to the innermost folder that
            holds all of them.

    Raises:
        As :func:`find_sources`.
    """
    alone = len(inputs) == 1
    found: dict[Path | str, Source] = {}
    for number, item in enumerate(inputs):
        for source in find_item(item, number, alone):
            is_file = isinstance(source.data, Path)
            found.setdefault(source.data.resolve() if is_file else source.name, source)
    paths = {key: Path(os.path.abspath(found[key].data)) for key in found if isinstance(key, Path)}
    root = os.path.commonpath([path.parent for path in paths.values()]) if paths else ''
    return [
        replace(source, name=paths[key].relative_to(root).as_posix()) if key in paths else source
        for key, source in found.items()
    ]


def folder_sources(folder: Path, videos: bool = True) -> list[Source]:
    """The images, and videos if wanted, in a folder, by name; not those in folders below it.

    Raises:
        FileNotFoundError: If there is none.
    """
    suffixes = IMAGE_SUFFIXES | VIDEO_SUFFIXES if videos else IMAGE_SUFFIXES
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if not files:
        raise FileNotFoundError(
            f'{folder}: the folder holds no image{" or video" * videos} '
            f'({", ".join(sorted(suffixes))})'
        )
    return [Source(path.name, path) for path in files]


def find_item(item: Input | Source, number: int = 0, alone: bool = True) -> list[Source]:
    """The sources of one input; see :func:`find_sources`.

    Args:
        item: Anything but a list.
        number: Its place, the name of an array.
        alone: Whether a missing file is an error now, and not when it is read.
    """
    if isinstance(item, Source):
        return [item]
    if isinstance(item, np.ndarray):
        return [Source(f'{number:06d}', item)]
    if not isinstance(item, (str, Path)):
        raise TypeError(
            f'inputs: {type(item).__name__}, expected a path, an array (H, W, 3) or a list of them'
        )
    text = str(item)
    if text.lower().partition(':')[0] == 'webcam':
        camera = text.partition(':')[2] or '0'
        if not camera.isdecimal():
            raise ValueError(f"inputs: {text!r}, expected 'webcam' or 'webcam:' and a number")
        return [Source(f'webcam_{camera}', int(camera))]
    path = Path(text).expanduser()
    if path.is_dir():
        return folder_sources(path)
    if path.is_file():
        return [Source(text, path)]
    if glob.has_magic(text):
        files = [Path(p) for p in sorted(glob.glob(str(path), recursive=True))]
        files = [p for p in files if p.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES]
        if not files:
            raise FileNotFoundError(f'{text}: no image or video matches')
        return [Source(str(p), p) for p in files]
    if alone:
        raise FileNotFoundError(f'{text}: there is no such image, video or folder')
    return [Source(text, path)]


def load_image(data: Input, name: str = 'image') -> np.ndarray:
    """An image as the data sets read it: upright, 8 bits, three channels.

    Files are turned by their EXIF orientation. Grey becomes three equal channels, alpha is left
    out, and of 16 bits the upper 8 are kept, in files as in arrays.

    Args:
        data: Path of a file, or ``array (H, W)``, ``(H, W, 1)``, ``(H, W, 3)``, ``(H, W, 4)``, BGR,
            of type uint8 or uint16.
        name: Of an array, for the message.

    Returns:
        ``uint8 array (H, W, 3)``, BGR.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If the data are something else.
        ValueError: If it is no image, or has more than :data:`MAX_PIXELS` pixels.
    """
    if isinstance(data, np.ndarray):
        return _from_array(data, name)
    if not isinstance(data, (str, Path)):
        raise TypeError(f'{name}: {type(data).__name__}, expected a path or an array (H, W, 3)')
    path = Path(data).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'{path}: there is no such image')
    _refuse_large(path)
    return read_image(str(path))


def _from_array(array: np.ndarray, name: str) -> np.ndarray:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or not array.size:
        raise ValueError(
            f'{name}: an array of shape {array.shape}, expected (H, W), (H, W, 3) or (H, W, 4)'
        )
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    if array.dtype != np.uint8:
        raise ValueError(f'{name}: an array of {array.dtype}, expected uint8 (0 to 255) or uint16')
    _check_size(name, array.shape[1], array.shape[0])
    if channels == 1:
        array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(array[..., :3])


def _refuse_large(path: Path) -> None:
    """Read the header of a file, so that no small file fills the memory."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with Image.open(path) as image:
                size = image.size
    except Image.DecompressionBombError as error:
        raise ValueError(f'{path}: too large; expected at most {_limit()}') from error
    except UnidentifiedImageError as error:
        raise ValueError(f'{path}: not an image of a known format') from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f'{path}: not an image that can be read ({error})') from error
    _check_size(str(path), *size)


def _check_size(name: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise ValueError(
            f'{name}: {width} x {height} pixels, expected at most {_limit()}; make the image '
            f'smaller, or cut it into parts'
        )


def _limit() -> str:
    return f'{MAX_PIXELS // 10**6} million pixels and {MAX_SIDE} on a side'


def _read_video(name: str, data: Path | int) -> Iterator[Frame]:
    where = data if isinstance(data, Path) else name
    if isinstance(data, Path) and not data.is_file():
        raise FileNotFoundError(f'{data}: there is no such video')
    video = cv2.VideoCapture(data if isinstance(data, int) else str(data))
    try:
        width, height, expected, fps = (
            video.get(key)
            for key in (
                cv2.CAP_PROP_FRAME_WIDTH,
                cv2.CAP_PROP_FRAME_HEIGHT,
                cv2.CAP_PROP_FRAME_COUNT,
                cv2.CAP_PROP_FPS,
            )
        )
        _check_size(str(where), int(width), int(height))
        count = 0
        while True:
            read, image = video.read()
            if not read:
                break
            yield Frame(name, image, count, fps if 0 < fps < 1000 else 25.0)
            count += 1
    finally:
        video.release()
    if not count:
        what = 'the camera gives no picture' if isinstance(data, int) else 'not a video'
        raise ValueError(f'{where}: {what}, or of a format that OpenCV cannot decode')
    # the number in the header is an estimate for some formats
    if count < 0.9 * expected - 2:
        raise ValueError(
            f'{where}: the video ends after {count} frames, expected {int(expected)}; the file is '
            f'cut short or damaged'
        )
