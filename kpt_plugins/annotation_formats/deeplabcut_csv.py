"""DeepLabCut, CollectedData_SCORER.csv; see `deeplabcut_table` for what it holds.

scorer,,,me,me,...              or one leading column with the whole path, as before 2.2
individuals,,,mouse1,mouse1,... only in projects with several animals
bodyparts,,,nose,nose,...
coords,,,x,y,...
labeled-data,video1,img001.png,11.5,20.25,...
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

from .deeplabcut_table import (
    COORDINATES,
    LEVELS,
    LOSES,
    Table,
    from_annotations,
    image_levels,
    to_annotations,
    to_columns,
)
from .fields import parse_number
from .records import AnnotationSet

__all__ = ['LOSES', 'outputs', 'read', 'write']


def outputs(annotations: AnnotationSet, path: Path) -> list[Path]:
    """The files that :func:`write` writes."""
    return [path]


def read(path: Path, images: str | Path | None) -> AnnotationSet:
    """Read a CSV file of annotations (or predictions) of images.

    Raises:
        ValueError: If the header is not of DeepLabCut, or a row is wrong.
    """
    with path.open(encoding='utf-8-sig', newline='') as file:
        try:
            rows = [row for row in csv.reader(file) if row]
        except csv.Error as error:
            raise ValueError(f'not CSV: {error}') from error
    levels = [row[0] for row in rows[:4] if row[0] in LEVELS]
    if levels not in ([*LEVELS], [level for level in LEVELS if level != 'individuals']):
        raise ValueError(f'header: the rows {levels}, expected {LEVELS}, individuals optional')
    header, body = rows[: len(levels)], rows[len(levels) :]
    first = next((i for i, cell in enumerate(header[-1]) if cell in COORDINATES), 0)
    width = len(header[-1])
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise ValueError(f'row {number}: {len(row)} cells, expected {width}')
    names = ['/'.join(row[:first]) for row in body]
    values = np.full((len(body), width - first), np.nan)
    for row, cells, name in zip(values, body, names, strict=True):
        for index, cell in enumerate(cells[first:]):
            row[index] = (
                math.nan if cell.strip() in ('', 'nan', 'NaN') else parse_number(cell, name)
            )
    columns = to_columns(list(zip(*(row[first:] for row in header), strict=True)), len(levels))
    return to_annotations(Table(columns, names, values), images)


def write(annotations: AnnotationSet, path: Path, images: str | Path | None) -> None:
    """Write a CSV file.

    Raises:
        ValueError: If there are instances of more than one category.
    """
    table = from_annotations(annotations, path)
    with path.open('w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        for level, cells in zip(table.levels, zip(*table.header, strict=True), strict=True):
            writer.writerow([level, '', '', *cells])
        for name, row in zip(table.images, table.values.tolist(), strict=True):
            cells = ['' if math.isnan(value) else repr(value) for value in row]
            writer.writerow([*image_levels(name), *cells])
