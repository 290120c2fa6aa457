"""A category as one file for download, and back: the saved form of supports in a ZIP archive."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from kpt_plugins.apis.support_files import CATEGORY_FILE, read_supports, save_supports
from kpt_plugins.apis.support_set import SupportSet

from .annotation import MAX_PHOTOS
from .uploads import MAX_PHOTO_BYTES, photo_suffix

MAX_JSON_BYTES = 1_000_000
_MEMBER = re.compile(rf'{re.escape(CATEGORY_FILE)}|support_[1-{MAX_PHOTOS}]\.png')
# A photo that was a small JPEG is larger as a PNG.
_MAX_PNG_BYTES = 4 * MAX_PHOTO_BYTES


def write_category(supports: SupportSet, path: Path) -> None:
    """Write supports as an archive of what
    :func:`~kpt_plugins.apis.support_files.save_supports` writes."""
    with TemporaryDirectory() as folder:
        save_supports(supports, folder)
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_STORED) as archive:
            for file in sorted(Path(folder).iterdir()):
                archive.write(file, file.name)


def read_category(paths: list[Path]) -> SupportSet:
    """Read an archive of :func:`write_category`, or its files where a browser unpacked it.

    Only members of the expected names are read, up to a size, into a folder that is deleted.

    Args:
        paths: The archive, or ``category.json`` and its images.

    Raises:
        ValueError: If it is something else, too large or damaged.
    """
    with TemporaryDirectory() as folder:
        try:
            for name, stream in _members(paths):
                _copy(stream, Path(folder, name))
            if not Path(folder, CATEGORY_FILE).is_file():
                raise ValueError(f'expected a .zip file, or {CATEGORY_FILE} and its photos.')
            return read_supports(folder)
        except (OSError, ValueError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error) as e:
            reason = str(e).replace(f'{folder}/', '').replace(folder, 'of it') or 'it is damaged.'
            raise ValueError(f'This is no saved category that can be read: {reason}') from e


def _members(paths: list[Path]) -> Iterator[tuple[str, BinaryIO]]:
    """Names and contents of what belongs to a category; everything else is passed over."""
    if len(paths) == 1 and zipfile.is_zipfile(paths[0]):
        with zipfile.ZipFile(paths[0]) as archive:
            for name in sorted(filter(_MEMBER.fullmatch, set(archive.namelist()))):
                with archive.open(name) as stream:
                    yield name, stream
    else:
        for path in filter(lambda path: _MEMBER.fullmatch(path.name), paths):
            with path.open('rb') as stream:
                yield path.name, stream


def _copy(stream: BinaryIO, path: Path) -> None:
    """Write a member, which is not believed to be as large as it says."""
    is_photo = path.name != CATEGORY_FILE
    limit = _MAX_PNG_BYTES if is_photo else MAX_JSON_BYTES
    content = stream.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f'{path.name} has more than {limit / 1e6:.0f} MB.')
    path.write_bytes(content)
    if is_photo:
        photo_suffix(path, path.name, limit)
