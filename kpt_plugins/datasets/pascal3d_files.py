"""The .mat annotations of PASCAL3D+ and ObjectNet3D, and COCO-style objects made from them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

VISIBLE = 1
"""Status of an anchor that is seen; 2 to 5 are hidden by the object itself, hidden by another one,
outside the image, and unknown."""


@dataclass(frozen=True, eq=False)
class AnnotatedObject:
    """One object of a record.

    Attributes:
        category: Its class.
        box: float64 (4,), x1, y1, x2, y2 in pixels, the centre of the first pixel being 0.
        keypoints: Position (x, y) in such pixels by name, None for those that are not seen; names
            are in the order of the file; empty for an object without anchors.
        azimuth: Degrees in [0, 360), None if unknown.
        difficult: Marked so by the annotators.
    """

    category: str
    box: np.ndarray
    keypoints: dict[str, tuple[float, float] | None]
    azimuth: float | None
    difficult: bool

    @property
    def num_visible(self) -> int:
        """How many keypoints are seen."""
        return sum(position is not None for position in self.keypoints.values())


def read_objects(path: str | Path) -> list[AnnotatedObject]:
    """Objects of an annotation file, ``Annotations/**/NAME.mat``, in the order of the file.

    The files count pixels from 1, as MATLAB does; this function returns them counted from 0.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not such a record; the message names the file and the field.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: there is no such annotation file')
    try:
        content = loadmat(path, simplify_cells=True)
    except (MatReadError, NotImplementedError, ValueError, TypeError, OSError) as error:
        raise ValueError(f'{path}: not a readable .mat file ({error})') from error
    record = content.get('record')
    if not isinstance(record, Mapping) or 'objects' not in record:
        raise ValueError(f'{path}: no struct "record" with "objects" in it')
    objects = record['objects']
    objects = [objects] if isinstance(objects, Mapping) else list(objects)
    try:
        return [_read_object(item) for item in objects]
    except ValueError as error:
        raise ValueError(f'{path}: record.objects: {error}') from error


def read_names(path: str | Path) -> list[str]:
    """Image names of a list, one a line, without the ending ``.JPEG``.

    Raises:
        FileNotFoundError: If there is no such list.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: there is no such list of images')
    lines = (line.strip() for line in path.read_text().splitlines())
    return [line.removesuffix('.JPEG') for line in lines if line]


def coco_image(image_id: int, root: str | Path, file_name: str) -> dict[str, Any]:
    """The COCO object of an image, its size read from the file.

    Raises:
        FileNotFoundError: If there is no such image.
    """
    path = Path(root) / file_name
    if not path.is_file():
        raise FileNotFoundError(f'{path}: there is no such image')
    with Image.open(path) as file:
        width, height = file.size
    return dict(id=image_id, file_name=file_name, width=width, height=height)


def coco_annotation(
    annotation_id: int, image_id: int, category_id: int, item: AnnotatedObject, names: Sequence[str]
) -> dict[str, Any]:
    """The COCO object of an annotated object, with ``azimuth`` in degrees or None.

    ``bbox`` is x1, y1, x2 - x1, y2 - y1, which MMPose reads back as the box that was annotated.
    """
    x1, y1, x2, y2 = item.box.tolist()
    points = [item.keypoints.get(name) for name in names]
    return dict(
        id=annotation_id,
        image_id=image_id,
        category_id=category_id,
        bbox=[x1, y1, x2 - x1, y2 - y1],
        area=(x2 - x1) * (y2 - y1),
        iscrowd=0,
        num_keypoints=sum(point is not None for point in points),
        keypoints=[value for point in points for value in ((*point, 2) if point else (0, 0, 0))],
        azimuth=item.azimuth,
    )


def write_json(path: Path, content: dict) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f'{path.name}.tmp')
    draft.write_text(json.dumps(content), encoding='utf-8')
    draft.replace(path)


def _read_object(item: Any) -> AnnotatedObject:
    if not isinstance(item, Mapping):
        raise ValueError(f'a {type(item).__name__}, expected structs')
    category = item.get('class')
    if not isinstance(category, str) or not category:
        raise ValueError(f'class: {category!r:.80}, expected a name')
    box = _numbers(item.get('bbox'))
    if box.shape != (4,) or not np.isfinite(box).all():
        raise ValueError(f'bbox: {item.get("bbox")!r:.80}, expected x1, y1, x2, y2')
    anchors = item.get('anchors')
    return AnnotatedObject(
        category=category,
        # ObjectNet3D has boxes whose corners are exchanged.
        box=np.sort(box.reshape(2, 2), axis=0).ravel() - 1,
        keypoints={
            name: _position(anchor)
            for name, anchor in (anchors.items() if isinstance(anchors, Mapping) else ())
        },
        azimuth=_azimuth(item.get('viewpoint')),
        difficult=bool(_number(item.get('difficult'))),
    )


def _position(anchor: Any) -> tuple[float, float] | None:
    """Of an anchor that is seen, else None; some are marked as seen without a location."""
    if not isinstance(anchor, Mapping) or _number(anchor.get('status')) != VISIBLE:
        return None
    location = _numbers(anchor.get('location'))
    if location.shape != (2,) or not np.isfinite(location).all():
        return None
    x, y = (location - 1).tolist()
    return x, y


def _azimuth(viewpoint: Any) -> float | None:
    """Degrees; a distance of 0 means that only the coarse angle was annotated."""
    if not isinstance(viewpoint, Mapping):
        return None
    fine, coarse = (_number(viewpoint.get(key)) for key in ('azimuth', 'azimuth_coarse'))
    if coarse is not None and (fine is None or _number(viewpoint.get('distance')) == 0):
        fine = coarse
    return None if fine is None else fine % 360


def _number(value: Any) -> float | None:
    """A finite number, or None; MATLAB's empty matrix stands for a missing one."""
    numbers = _numbers(value)
    return float(numbers[0]) if numbers.shape == (1,) and math.isfinite(numbers[0]) else None


def _numbers(value: Any) -> np.ndarray:
    """Numbers as float64 (N,), empty for anything else."""
    array = np.asarray(value)
    return array.astype(float).ravel() if array.dtype.kind in 'biuf' else np.empty(0)
