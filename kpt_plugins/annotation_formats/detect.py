"""Telling the format of an annotation export from its content."""

from __future__ import annotations

import json
from pathlib import Path

from .fields import wrong

TRIED = {
    'coco': 'a JSON object with images, annotations and categories',
    'cvat': 'XML of <annotations>',
    'label-studio': 'a JSON list of tasks with data',
    'labelme': 'a JSON object with shapes, or a folder of such files',
    'deeplabcut': 'CSV that begins with the row scorer',
    'deeplabcut-h5': 'HDF5',
    'sleap': 'HDF5 named .slp',
    'yolo': 'data.yaml, or a folder that holds one',
}
"""What a file of each format is recognised by."""


def detect_format(path: Path) -> str:
    """Name of the format of a file or folder.

    Raises:
        ValueError: If it is none; the message lists what was tried.
    """
    found = _of_folder(path) if path.is_dir() else _of_file(path)
    if found is None:
        tried = '; '.join(f'{name}: {what}' for name, what in TRIED.items())
        raise ValueError(f'{path}: the format is not recognised. Tried: {tried}')
    return found


def _of_folder(path: Path) -> str | None:
    if (path / 'data.yaml').is_file():
        return 'yolo'
    return 'labelme' if any(path.rglob('*.json')) else None


def _of_file(path: Path) -> str | None:
    if path.suffix in ('.yaml', '.yml'):
        return 'yolo'
    with path.open('rb') as file:
        start = file.read(64).removeprefix(b'\xef\xbb\xbf').lstrip()
    if start.startswith(b'\x89HDF'):
        return 'sleap' if path.suffix == '.slp' else 'deeplabcut-h5'
    if start.startswith(b'PK'):
        raise ValueError(f'{path}: a ZIP archive; unpack it and give the file or folder in it')
    if start.startswith(b'<'):
        return 'cvat'
    if start.startswith(b'scorer'):
        return 'deeplabcut'
    return _of_json(path) if start[:1] in (b'{', b'[') else None


def _of_json(path: Path) -> str | None:
    try:
        data = json.loads(path.read_text('utf-8-sig'))
    except ValueError as error:
        raise wrong(str(error), f'{path}', 'JSON; is the download complete?') from error
    if isinstance(data, list):
        if all(isinstance(task, dict) and 'data' in task for task in data):
            return 'label-studio'
        if any(isinstance(task, dict) and 'lead_time' in task for task in data):
            raise ValueError(f'{path}: JSON-MIN of Label Studio, which lacks sizes; export as JSON')
        return None
    if {'images', 'annotations', 'categories'} <= set(data):
        return 'coco'
    return 'labelme' if 'shapes' in data else None
