"""What the page shows: photos with keypoints over them, as large as a screen."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from kpt_plugins.apis.inference_results import ImageResult
from kpt_plugins.visualization import draw_skeleton, keypoint_colors, resize_image
from kpt_plugins.visualization.keypoints import draw_disc

from .annotation import Annotation
from .boxes import Box, Corner

LONGER_SIDE = 720
LEFT, RIGHT, MIDDLE = (178, 114, 0), (0, 120, 230), (120, 190, 60)
"""Colours of sides, BGR, which colour-blind people can tell apart."""

_RADIUS = 8.0
_DARKER = 0.55
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.8


def preview(image: np.ndarray) -> np.ndarray:
    """An image ``uint8 array (H, W, 3)`` with a longer side of :data:`LONGER_SIDE` pixels."""
    return resize_image(image, LONGER_SIDE)


def preview_scale(shape: Sequence[int]) -> float:
    """Pixels of the preview for one of the image of this shape (height, width, ...)."""
    return LONGER_SIDE / max(shape[:2])


def side_colors(num_keypoints: int, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Colours by side: left, right, neither.

    Args:
        num_keypoints: K.
        pairs: (left, right) keypoints, counted from 0.

    Returns:
        ``uint8 array (K, 3)``, BGR.
    """
    colors = np.full((num_keypoints, 3), MIDDLE, dtype=np.uint8)
    for left, right in pairs:
        colors[left], colors[right] = LEFT, RIGHT
    return colors


def draw_annotation(annotation: Annotation) -> np.ndarray:
    """The photo that is looked at with its box and its numbered keypoints; hidden ones are rings,
    the selected one has a second ring.

    Returns:
        ``uint8 array``, BGR, as large as :func:`preview`.
    """
    photo = annotation.shown
    scale = preview_scale(photo.image.shape)
    places = np.array([(p.x * scale, p.y * scale) if p else (0, 0) for p in photo.points])
    visible = np.array([p is not None for p in photo.points], dtype=bool)
    scores = np.array([0.0 if p is not None and p.hidden else 1.0 for p in photo.points])
    canvas = draw_skeleton(
        draw_box(preview(photo.image), scale, photo.bbox, annotation.corner),
        places.reshape(-1, 2),
        visible,
        np.array(annotation.links, dtype=np.int64),
        scores,
        radius=_RADIUS,
    )
    selected = annotation.keypoint
    if selected is not None and visible[selected]:
        for growth, color in ((5, (0, 0, 0)), (6, (255, 255, 255))):
            draw_disc(canvas, places[selected], np.array(color), _RADIUS + growth, 0.0)
    for index in np.flatnonzero(visible):
        _write_number(canvas, str(index + 1), places[index])
    return canvas


def draw_box(
    image: np.ndarray, scale: float, box: Box | None, corner: Corner | None = None
) -> np.ndarray:
    """A box over a preview, which is darker around it.

    Args:
        image: The preview, ``uint8 array (H, W, 3)``, BGR; left as it is.
        scale: Its pixels for one of the photo.
        box: In pixels of the photo.
        corner: Of a box that is being marked, a cross.
    """
    canvas = image.copy()
    if box is not None:
        x1, y1, x2, y2 = (max(0, round(value * scale)) for value in box)
        canvas = (canvas * _DARKER).astype(np.uint8)
        canvas[y1:y2, x1:x2] = image[y1:y2, x1:x2]
    for color, thickness in (((0, 0, 0), 4), ((255, 255, 255), 2)):
        if box is not None:
            cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), color, thickness)
        if corner is not None:
            place = tuple(round(value * scale) for value in corner)
            cv2.drawMarker(canvas, place, color, cv2.MARKER_CROSS, 30, thickness)
    return canvas


def draw_result(
    image: np.ndarray, result: ImageResult, threshold: float, by_side: bool
) -> np.ndarray:
    """A prediction over the preview of its image.

    Args:
        image: The preview, ``uint8 array (H, W, 3)``, BGR.
        result: In pixels of the image itself.
        threshold: Keypoints with a lower confidence are left out.
        by_side: Colours by left and right, and not one for each keypoint.
    """
    scale = preview_scale((result.height, result.width))
    links = np.array(result.category.skeleton, dtype=np.int64)
    colors = result_colors(result, by_side)
    for each in result.instances:
        if not np.array_equal(each.bbox, (0, 0, result.width, result.height)):
            image = draw_box(image, scale, each.bbox)
        visible = each.shown & (each.scores >= threshold)
        places = each.keypoints * scale
        image = draw_skeleton(image, places, visible, links, each.scores, colors, _RADIUS)
    return image


def result_colors(result: ImageResult, by_side: bool) -> np.ndarray:
    """Colours of a prediction's keypoints, ``uint8 array (K, 3)``, BGR."""
    size = len(result.category.keypoint_names)
    return side_colors(size, result.category.flip_pairs) if by_side else keypoint_colors(size)


def _write_number(canvas: np.ndarray, text: str, place: np.ndarray) -> None:
    """A number beside a keypoint, inside the picture and readable on any ground."""
    (width, height), _ = cv2.getTextSize(text, _FONT, _FONT_SCALE, 2)
    x, y = place[0] + _RADIUS + 4, place[1] - _RADIUS
    if x + width > canvas.shape[1]:
        x = place[0] - _RADIUS - 4 - width
    corner = round(x), max(height + 2, round(y))
    for color, thickness in (((0, 0, 0), 5), ((255, 255, 255), 2)):
        cv2.putText(canvas, text, corner, _FONT, _FONT_SCALE, color, thickness, cv2.LINE_AA)
