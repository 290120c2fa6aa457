"""The table of a DeepLabCut annotation file, the same in CSV and HDF5 (version 2 and 3).

A row is an image, labeled-data/VIDEO/IMAGE; three columns at most are a body part of an individual:
x, y and, in predictions, likelihood. Projects with one animal have no individuals; in others the
body parts that occur once are those of an individual 'single'. An empty x or y is an absent
keypoint.

File names are relative to the folder `labeled-data`; an image without a folder is written into that
of the annotation file. The body parts are the category 'object', the unique ones of projects with
several animals 'single'; only one category can be written. Lost are its name (read with
`categories` to restore it), links, pairs, boxes, scores, and which keypoints are hidden.
Coordinates are as they stand in the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .gather import NO_BOX_CATEGORY
from .image_files import relative_name
from .records import (
    ABSENT,
    VISIBLE,
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
)

LOSES = frozenset(
    {
        'category name',
        'folderless',
        'skeleton',
        'flip pairs',
        'boxes',
        'pointless',
        'hidden',
        'scores',
        'sizes',
    }
)
ROOT = 'labeled-data/'
LEVELS = ('scorer', 'individuals', 'bodyparts', 'coords')
SINGLE = 'single'
COORDINATES = ('x', 'y', 'likelihood')


@dataclass
class Table:
    """Contents of a file.

    Attributes:
        columns: (scorer, individual, body part, coordinate) of each of C columns; the individual
            is '' in projects with one animal.
        images: Paths of N images.
        values: ``float array (N, C)``, NaN where nothing is annotated.
    """

    columns: list[tuple[str, str, str, str]]
    images: list[str]
    values: np.ndarray

    @property
    def levels(self) -> list[str]:
        """Names of the rows of the header."""
        several = any(individual for _, individual, _, _ in self.columns)
        return [level for level in LEVELS if several or level != 'individuals']

    @property
    def header(self) -> list[tuple[str, ...]]:
        """The columns, with as many entries as there are levels."""
        return [tuple(part for part in column if part) for column in self.columns]


def to_columns(header: list[tuple[str, ...]], levels: int) -> list[tuple[str, str, str, str]]:
    """Columns of a header with 3 or 4 levels.

    Raises:
        ValueError: If there are other numbers of levels, or an entry is empty.
    """
    if levels not in (3, 4):
        raise ValueError(f'{levels} rows of header, expected {LEVELS}, individuals optional')
    for column in header:
        if not all(column):
            raise ValueError(f'header: {column} has an empty entry, expected none')
    return [(c[0], c[1] if levels == 4 else '', *c[-2:]) for c in header]


def to_annotations(table: Table, images: str | Path | None) -> AnnotationSet:
    """The annotations in a table.

    Raises:
        ValueError: If a column is unknown, missing or twice, individuals differ in their body
            parts, or a coordinate is no number.
    """
    places = _places(table.columns)
    categories: dict[str, KeypointCategory] = {}
    for individual, parts in places.items():
        name = SINGLE if individual == SINGLE and len(places) > 1 else NO_BOX_CATEGORY
        category = categories.setdefault(name, KeypointCategory(name, list(parts)))
        if category.keypoint_names != list(parts):
            raise ValueError(
                f'individual {individual!r} has the body parts {list(parts)}, expected '
                f'{category.keypoint_names} as the others'
            )
    found = []
    for image, row in zip(table.images, table.values, strict=True):
        name = image.replace('\\', '/')
        name = relative_name(name.removeprefix(ROOT), images, 'image')
        record = AnnotatedImage(name)
        for individual, parts in places.items():
            category = SINGLE if individual == SINGLE and len(places) > 1 else NO_BOX_CATEGORY
            instance = _instance(row, category, list(parts.values()))
            if (instance.keypoints[:, 2] != ABSENT).any():
                record.instances.append(instance)
        found.append(record)
    return AnnotationSet(list(categories.values()), found)


def from_annotations(annotations: AnnotationSet, path: Path) -> Table:
    """The table of annotations, for a file CollectedData_SCORER.* at a path.

    Raises:
        ValueError: If there are instances of more than one category.
    """
    used = {i.category for image in annotations.images for i in image.instances}
    names = [c.name for c in annotations.categories if c.name in used]
    if len(names) > 1:
        raise ValueError(f'categories {names}: DeepLabCut has one, expected instances of one')
    if not annotations.categories:
        raise ValueError('no category, expected one')
    category = annotations.category(names[0]) if names else annotations.categories[0]
    scorer = path.stem.removeprefix('CollectedData_') or 'kpt_plugins'
    several = max((len(image.instances) for image in annotations.images), default=1)
    individuals = [f'individual{i + 1}' for i in range(several)] if several > 1 else ['']
    columns = [
        (scorer, individual, part, coordinate)
        for individual in individuals
        for part in category.keypoint_names
        for coordinate in ('x', 'y')
    ]
    values = np.full((len(annotations.images), len(columns)), np.nan)
    for row, image in zip(values, annotations.images, strict=True):
        for place, instance in enumerate(image.instances):
            xy = np.where(instance.keypoints[:, 2:] != ABSENT, instance.keypoints[:, :2], np.nan)
            row[place * xy.size : (place + 1) * xy.size] = xy.ravel()
    folder = path.resolve().parent.name
    images = []
    for image in annotations.images:
        name = image.file_name.removeprefix(ROOT)
        images.append(ROOT + (name if '/' in name else f'{folder}/{name}'))
    if len(set(images)) < len(images):
        raise ValueError(f'images without a folder would be some of those in {folder}/')
    return Table(columns, images, values)


def image_levels(path: str) -> tuple[str, str, str]:
    """A path as the three levels of DeepLabCut's row index: labeled-data, folder, file."""
    folder, _, name = path.removeprefix(ROOT).rpartition('/')
    return ROOT.rstrip('/'), folder, name


def _places(columns: list[tuple[str, str, str, str]]) -> dict[str, dict[str, dict[str, int]]]:
    """Index of the column of each individual, body part and coordinate."""
    places: dict[str, dict[str, dict[str, int]]] = {}
    for index, (_, individual, part, coordinate) in enumerate(columns):
        where = f'column {index + 1} ({individual} {part} {coordinate})'
        if coordinate not in COORDINATES:
            raise ValueError(f'{where}: expected one of the coordinates {COORDINATES}')
        coordinates = places.setdefault(individual, {}).setdefault(part, {})
        if coordinate in coordinates:
            raise ValueError(f'{where}: is there twice')
        coordinates[coordinate] = index
    for individual, parts in places.items():
        for part, coordinates in parts.items():
            if not {'x', 'y'} <= set(coordinates):
                raise ValueError(f'{individual} {part}: expected the columns x and y')
    return places


def _instance(row: np.ndarray, category: str, parts: list[dict[str, int]]) -> KeypointInstance:
    xy = np.array([[row[part['x']], row[part['y']]] for part in parts])
    visible = np.where(np.isnan(xy).any(axis=1), ABSENT, VISIBLE)
    scores = None
    if all('likelihood' in part for part in parts):
        scores = np.nan_to_num([row[part['likelihood']] for part in parts])
    return KeypointInstance(category, np.column_stack([xy, visible]), None, scores)
