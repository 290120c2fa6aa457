"""One annotated instance: its box, its keypoints, and whether it can be used.

The rules are those of the literature on MP-100 (the same in POMNet, CapeFormer, PoseAnything and
FMMP), because the cleaned box is also the normaliser of PCK.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Instance:
    """A usable annotated instance.

    Attributes:
        id, image_id, category_id: Ids as in the file.
        file_name: The image's, as in the file.
        box: float64 (4,), the cleaned box x1, y1, x2, y2 in pixels (see `clean_box`).
        keypoints: float64 (K, 3), x, y in pixels and visibility 0 or 1 (see `parse_keypoints`).
    """

    id: int
    image_id: int
    category_id: int
    file_name: str
    box: np.ndarray
    keypoints: np.ndarray


def clean_box(bbox: list, width: float, height: float) -> np.ndarray | None:
    """Clip a COCO box to its image, with the literature's pixel-inclusive corner.

    x2 = min(width - 1, x1 + max(0, w - 1)), likewise y2: the box ends at the centre of its last
    pixel, so a box of w pixels inside the image comes out w - 1 wide.

    Args:
        bbox: [x, y, w, h] in pixels.
        width, height: Size of the image in pixels.

    Returns:
        float64 (4,) x1, y1, x2, y2, or None where nothing of the box is left.

    Raises:
        ValueError: If `bbox` is not four finite numbers.
    """
    if (
        not isinstance(bbox, (list, tuple, np.ndarray))
        or len(bbox) != 4
        or not all(isinstance(v, (int, float, np.number)) and math.isfinite(v) for v in bbox)
    ):
        raise ValueError(f'bbox {bbox!r}: expected four finite numbers [x, y, w, h]')
    x, y, w, h = bbox
    x1, y1 = max(0, x), max(0, y)
    x2 = min(width - 1, x1 + max(0, w - 1))
    y2 = min(height - 1, y1 + max(0, h - 1))
    if x2 <= x1 or y2 <= y1:
        return None
    return np.array([x1, y1, x2, y2], dtype=np.float64)


def parse_keypoints(keypoints: list) -> np.ndarray:
    """Turn COCO's flat list x1, y1, v1, x2, ... into an array.

    Returns:
        float64 (K, 3): x, y in pixels and visibility 0 or 1 (labelled 1 and 2 both count as
        visible). The coordinates of invisible keypoints are kept where they are finite, else 0.

    Raises:
        ValueError: If it is no flat list of numbers, its length is no multiple of 3, a visibility
            is not 0, 1 or 2, or a visible keypoint's coordinate is not a finite number.
    """
    expected = 'expected a flat list of numbers x, y, v for each keypoint'
    if not isinstance(keypoints, (list, tuple, np.ndarray)):
        raise ValueError(f'keypoints {repr(keypoints)[:60]}: {expected}')
    for index, value in enumerate(keypoints):
        if not (value is None or isinstance(value, (int, float, np.number))):
            raise ValueError(f'keypoints: {repr(value)[:60]} at place {index}, {expected}')
    if len(keypoints) % 3:
        raise ValueError(f'keypoints of length {len(keypoints)}: {expected}')
    try:
        array = np.array(keypoints, dtype=np.float64)
    except OverflowError as error:
        raise ValueError(f'keypoints: a number is too large, {expected}') from error
    array = array.reshape(-1, 3)
    labelled = array[:, 2]
    wrong = (labelled != 0) & (labelled != 1) & (labelled != 2)
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f'keypoints: visibility {array[index, 2]:g} of keypoint {index}, expected 0, 1 or 2'
        )
    array[:, 2] = np.minimum(array[:, 2], 1)
    finite = np.isfinite(array[:, :2]).all(axis=1)
    lost = ~finite & (array[:, 2] > 0)
    if lost.any():
        index = int(np.flatnonzero(lost)[0])
        raise ValueError(
            f'keypoints: keypoint {index} is visible at {tuple(array[index, :2].tolist())}, '
            f'expected finite coordinates'
        )
    array[~finite, :2] = 0
    return array


def read_instance(
    annotation: dict, image: dict, min_visible: int = 1
) -> tuple[Instance | None, str]:
    """Read an annotation object of a valid file, if it can be used.

    Args:
        annotation: The annotation object.
        image: Its image object.
        min_visible: Fewest visible keypoints. With 0 the keypoints may be missing altogether.

    Returns:
        The instance and '', or None and why it cannot be used, in words to be counted and logged.

    Raises:
        ValueError: If a field is malformed (see `clean_box`, `parse_keypoints`).
    """
    if annotation.get('iscrowd'):
        return None, 'crowd'
    if annotation.get('bbox') is None:
        return None, 'no bbox'
    area = annotation.get('area')
    if area is not None and not isinstance(area, (int, float)):
        raise ValueError(f'area {area!r}: expected a number')
    if area is not None and not area > 0:
        return None, 'area of zero'
    box = clean_box(annotation['bbox'], image['width'], image['height'])
    if box is None:
        return None, 'empty bbox'
    listed = annotation.get('keypoints')
    if min_visible and listed in (None, []):
        return None, 'no keypoints'
    keypoints = parse_keypoints([] if listed is None else listed)
    visible = int(keypoints[:, 2].sum())
    if min_visible and (visible == 0 or annotation.get('num_keypoints') == 0):
        return None, 'no visible keypoint'
    if visible < min_visible:
        return None, f'fewer than {min_visible} visible keypoints'
    instance = Instance(
        id=annotation['id'],
        image_id=image['id'],
        category_id=annotation['category_id'],
        file_name=image['file_name'],
        box=box,
        keypoints=keypoints,
    )
    return instance, ''
