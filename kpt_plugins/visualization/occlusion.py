"""Pictures of predictions behind occluders."""

from __future__ import annotations

import cv2
import numpy as np

from .keypoints import draw_disc

VISIBLE_COLOR = (80, 220, 60)
OCCLUDED_COLOR = (40, 80, 255)
_TRUTH_COLOR = (255, 255, 255)


def draw_occluded(
    image: np.ndarray,
    predicted: np.ndarray,
    truth: np.ndarray,
    annotated: np.ndarray,
    occluded: np.ndarray,
    scores: np.ndarray,
    radius: float = 4.0,
) -> np.ndarray:
    """Draw predictions, green where the true keypoint is visible and red where it is hidden.

    A white line leads to the truth; a disc is filled the more the higher its score is.

    Args:
        image: ``uint8 array (H, W, 3)``, BGR; left as it is.
        predicted, truth: ``array (K, 2)`` in pixels, the centre of the first pixel at (0, 0).
        annotated, occluded: ``bool array (K,)``; what is not annotated is left out.
        scores: ``array (K,)``, opacity from 0 to 1.
        radius: of the discs, in pixels.

    Returns:
        The drawing, a new array of the image's shape.
    """
    canvas = np.ascontiguousarray(image).copy()
    for k in np.flatnonzero(annotated):
        ends = np.clip(np.nan_to_num([predicted[k], truth[k]]), -1e5, 1e5)
        start, end = np.rint(ends * 16).astype(int).tolist()
        cv2.line(canvas, start, end, _TRUTH_COLOR, 1, cv2.LINE_AA, 4)
    for k in np.flatnonzero(annotated):
        color = OCCLUDED_COLOR if occluded[k] else VISIBLE_COLOR
        # Half a pixel on: discs count from the corner of the first pixel.
        draw_disc(canvas, np.asarray(predicted[k]) + 0.5, np.array(color), radius, scores[k])
    return canvas
