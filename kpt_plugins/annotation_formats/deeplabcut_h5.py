"""DeepLabCut, CollectedData_SCORER.h5; see `deeplabcut_table` for what it holds.

The file is a pandas data frame under the key `df_with_missing`, in the layout that pandas calls
fixed (DeepLabCut 2.2 and later). pandas unpickles objects that it finds in such a file, and a
pickle can run any program; therefore the file is read by h5py as plain arrays of text and numbers,
and refused where it holds anything else: object columns, and the layout "table" of older versions,
whose column names are a pickle. DeepLabCut writes the same annotations as CSV beside it.

libhdf5, which reads the file, can crash the process on a file that was made for it (as on one that
is damaged in places); a server should read files of strangers in a process of its own.

Written by pandas, as DeepLabCut does, for DeepLabCut to read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .deeplabcut_table import (
    LOSES,
    Table,
    from_annotations,
    image_levels,
    to_annotations,
    to_columns,
)
from .optional import require
from .records import AnnotationSet

__all__ = ['LOSES', 'outputs', 'read', 'write']

KEY = 'df_with_missing'
MAX_SIZE = 50_000_000
"""Most entries of an array; a small file can claim any number."""


def outputs(annotations: AnnotationSet, path: Path) -> list[Path]:
    """The files that :func:`write` writes."""
    return [path]


def read(path: Path, images: str | Path | None) -> AnnotationSet:
    """Read an HDF5 file of annotations, without unpickling anything.

    Raises:
        ValueError: If it is not such a file, or holds Python objects.
        ImportError: Without h5py.
    """
    h5py = require('h5py')
    try:
        with h5py.File(path, 'r') as file:
            table = _read_table(file)
    except (OSError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(f'not a data frame of DeepLabCut: {error}') from error
    return to_annotations(table, images)


def write(annotations: AnnotationSet, path: Path, images: str | Path | None) -> None:
    """Write an HDF5 file.

    Raises:
        ValueError: If there are instances of more than one category.
        ImportError: Without pandas or tables.
    """
    pandas = require('pandas')
    require('tables')
    table = from_annotations(annotations, path)
    frame = pandas.DataFrame(
        table.values,
        index=pandas.MultiIndex.from_tuples([image_levels(name) for name in table.images]),
        columns=pandas.MultiIndex.from_tuples(table.header, names=table.levels),
    )
    frame.to_hdf(path, key=KEY, mode='w')


def _read_table(file) -> Table:
    group = file.get(KEY)
    kind = None if group is None else _text(group.attrs.get('pandas_type', b''))
    if kind == 'frame_table':
        raise ValueError(
            'the layout "table" of pandas, whose names are a pickle, which can run any program '
            'and is not read; give the CSV that DeepLabCut writes beside it'
        )
    if kind != 'frame' or group.attrs.get('nblocks') != 1:
        raise ValueError(f'expected a data frame of numbers under the key {KEY}')
    values = _array(group, 'block0_values', 'fiu').astype(np.float64)
    if not group['block0_values'].attrs.get('transposed'):
        values = values.T
    header = _index(group, 'block0_items')
    names = ['/'.join(parts) for parts in _index(group, 'axis1')]
    if values.shape != (len(names), len(header)):
        raise ValueError(
            f'values {values.shape}, expected {len(names)} rows, {len(header)} columns'
        )
    return Table(to_columns(header, len(header[0]) if header else 0), names, values)


def _index(group, name: str) -> list[tuple[str, ...]]:
    """Entries of an index of pandas: texts, or tuples of them from levels and their codes."""
    if _text(group.attrs.get(f'{name}_variety', b'')) != 'multi':
        return [(entry,) for entry in _texts(group, name)]
    levels = []
    for level in range(int(group.attrs[f'{name}_nlevels'])):
        texts = np.array(_texts(group, f'{name}_level{level}'), dtype=object)
        codes = _array(group, f'{name}_label{level}', 'iu')
        if codes.ndim != 1 or ((codes < 0) | (codes >= len(texts))).any():
            raise ValueError(f'{name}: codes that are none of its {len(texts)} texts')
        levels.append(texts[codes].tolist())
    return list(zip(*levels, strict=True))


def _texts(group, name: str) -> list[str]:
    array = _array(group, name, 'S')
    if array.ndim != 1:
        raise ValueError(f'{name}: expected a list of texts')
    return [_text(entry) for entry in array]


def _array(group, name: str, kinds: str) -> np.ndarray:
    """An array of numpy kinds that need no unpickling, stored in this file itself."""
    h5py = require('h5py')
    dataset = group[name]
    own = isinstance(group.get(name, getlink=True), h5py.HardLink)
    if not isinstance(dataset, h5py.Dataset) or not own or dataset.external or dataset.is_virtual:
        raise ValueError(f'{name}: expected an array in the file itself')
    if dataset.dtype.kind not in kinds or dataset.size > MAX_SIZE:
        raise ValueError(
            f'{name}: {dataset.size} entries of type {dataset.dtype}, expected text or numbers; '
            f'Python objects are not read, since unpickling them can run any program'
        )
    return dataset[()]


def _text(value: object) -> str:
    if not isinstance(value, bytes):
        raise ValueError(f'{value!r}, expected a text')
    return value.decode('utf-8')
