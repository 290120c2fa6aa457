"""Names and sizes of image files.

Names come from annotation files, which nobody has checked: none of them may lead out of the
folder of images.
"""

from __future__ import annotations

import os
import os.path as osp
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from PIL import Image, UnidentifiedImageError

from kpt_plugins.structures.exif import orientation

from .records import AnnotationSet

_DRIVE = re.compile('^[A-Za-z]:')
# Control characters, and what Python makes of bytes that are no UTF-8: no text file holds them.
_NO_TEXT = re.compile('[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]')


def relative_name(name: str, images: str | Path | None, where: str) -> str:
    """A file name out of an annotation file, relative to the folder of images.

    Tools store names relative to a project, a server or another machine. With `images` the longest
    end of the name that is a file in that folder is taken; a name without one stays as it is.

    Args:
        name: As in the file, with slashes or backslashes.
        images: Folder of the images, None where it is not known.
        where: Place of the name in the file, for the error.

    Raises:
        ValueError: If the name is empty, or is absolute or has `..` and is not found in `images`.
    """
    slashed = name.replace('\\', '/')
    parts = [part for part in _DRIVE.sub('', slashed).split('/') if part not in ('', '.')]
    plain = [part for part in parts if part != '..']
    if not plain or _NO_TEXT.search(name):
        raise ValueError(f'{where}: {name!r}, expected the path of an image file')
    if images is not None:
        for start in range(len(plain)):
            candidate = '/'.join(plain[start:])
            if osp.isfile(osp.join(images, candidate)):
                return candidate
    if slashed.startswith('/') or _DRIVE.match(slashed) or plain != parts:
        hint = 'of the folder that holds it' if images is None else f'of a file in {images}'
        raise ValueError(
            f'{where}: {name!r} leads out of the folder of images, expected a path {hint}'
        )
    return '/'.join(parts)


def require_plain_name(path: Path, name: str) -> None:
    """Refuse a file whose name annotation files cannot hold, or would take for a path.

    Args:
        path: Of the file.
        name: What it is to be called in annotation files.

    Raises:
        ValueError: If it has control characters or is no text, or, where these are no parts of a
            path, a backslash or the form of a drive.
    """
    strange = os.sep == '/' and ('\\' in name or _DRIVE.match(name))
    if strange or _NO_TEXT.search(str(path)):
        raise ValueError(
            f'{ascii(str(path))[1:-1]}: the name cannot stand in annotation files (control '
            f'characters, bytes that are no UTF-8, backslashes, a letter and a colon at its '
            f'beginning); rename the file'
        )


def read_size(path: str | Path) -> tuple[int, int]:
    """Width and height of an image in pixels, upright (after its EXIF orientation).

    Only the header of the file is read.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image, or so large that Pillow takes it for an attack.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path}: there is no such image, and its size is needed')
    try:
        with Image.open(path) as image:
            (width, height), exif = image.size, image.info.get('exif') or b''
    except UnidentifiedImageError as error:
        raise ValueError(f'{path}: not an image that can be read') from error
    except (Image.DecompressionBombError, OSError) as error:
        raise ValueError(f'{path}: not an image that can be read ({error})') from error
    return (height, width) if orientation(exif) >= 5 else (width, height)


def with_sizes(annotations: AnnotationSet, images: str | Path | None) -> AnnotationSet:
    """The annotations with the sizes that they lack, read from the image files.

    Raises:
        FileNotFoundError: If an image is missing.
        ValueError: If a size is lacking and `images` is None, or a file is no image.
    """
    sized = []
    for image in annotations.images:
        if image.width is None or image.height is None:
            if images is None:
                raise ValueError(
                    f'{image.file_name}: its width and height are not known, and the format needs '
                    f'them; give the folder of the images (images=, --images)'
                )
            width, height = read_size(Path(images) / PurePosixPath(image.file_name))
            image = replace(image, width=width, height=height)
        sized.append(image)
    return AnnotationSet(annotations.categories, sized)
