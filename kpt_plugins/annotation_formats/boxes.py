"""Boxes around instances and images."""

from __future__ import annotations

import numpy as np

from .records import ABSENT, AnnotatedImage, KeypointInstance

Box = tuple[float, float, float, float]


def box_of(instance: KeypointInstance) -> Box | None:
    """Box of an instance, or the extent of its labelled keypoints where it has none.

    Returns:
        x, y, width, height in pixels, at least 1 wide and high; None where nothing is labelled.
    """
    if instance.bbox is not None:
        return instance.bbox
    labelled = instance.keypoints[instance.keypoints[:, 2] != ABSENT, :2]
    if not len(labelled):
        return None
    low, size = labelled.min(axis=0), labelled.max(axis=0) - labelled.min(axis=0)
    x, y = (float(v) if s >= 1 else float(v) - 0.5 for v, s in zip(low, size, strict=True))
    return x, y, max(1.0, float(size[0])), max(1.0, float(size[1]))


def clip_box(box: Box, width: float, height: float) -> Box | None:
    """The part of a box that is inside its image, None where nothing is left."""
    x1, y1 = max(0.0, box[0]), max(0.0, box[1])
    x2, y2 = min(width, box[0] + box[2]), min(height, box[1] + box[3])
    return (x1, y1, x2 - x1, y2 - y1) if x2 > x1 and y2 > y1 else None


def outside_image(instance: KeypointInstance, image: AnnotatedImage) -> np.ndarray:
    """Which labelled keypoints lie outside an image of known size, ``bool array (K,)``."""
    xy, labelled = instance.keypoints[:, :2], instance.keypoints[:, 2] != ABSENT
    return labelled & ((xy < 0) | (xy > (image.width, image.height))).any(axis=1)


def box_around_rotated(box: Box, degrees: float, pivot: tuple[float, float]) -> Box:
    """The upright box around a box that is turned clockwise about a point, in pixels."""
    x, y, width, height = box
    corners = np.array([(x, y), (x + width, y), (x, y + height), (x + width, y + height)]) - pivot
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    turned = corners @ np.array([[cosine, sine], [-sine, cosine]]) + pivot
    low, high = turned.min(axis=0).tolist(), turned.max(axis=0).tolist()
    return low[0], low[1], high[0] - low[0], high[1] - low[1]
