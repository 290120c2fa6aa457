"""Boxes around instances."""

from __future__ import annotations

from .records import ABSENT, KeypointInstance

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
