"""Pictures of predictions: all objects of an image with their keypoints."""

from __future__ import annotations

import cv2
import numpy as np

from .keypoints import draw_skeleton

_BOX_COLOR = (80, 220, 60)


def draw_instances(
    image: np.ndarray,
    keypoints: np.ndarray,
    scores: np.ndarray,
    shown: np.ndarray,
    links: np.ndarray,
    boxes: np.ndarray | None = None,
    kpt_thr: float = 0.0,
) -> np.ndarray:
    """Draw keypoints and links, each object's as large as its extent asks for.

    Args:
        image: ``uint8 array (H, W, 3)``, BGR; left as it is.
        keypoints: ``array (N, K, 2)`` in pixels, the centre of the first pixel at (0.5, 0.5).
        scores: ``array (N, K)`` in [0, 1]: a disc is filled the more the surer it is.
        shown: ``bool array (N, K)``; others are left out.
        links: ``int array (E, 2)``, zero-based.
        boxes: ``array (N, 4)``, x1, y1, x2, y2 in pixels, drawn if given.
        kpt_thr: Keypoints with a lower score are left out.

    Returns:
        The drawing, a new array of the image's shape.
    """
    canvas = np.ascontiguousarray(image).copy()
    width = max(1, round(0.003 * max(image.shape[:2])))
    for box in () if boxes is None else np.asarray(boxes):
        x1, y1, x2, y2 = (int(v) for v in np.clip(np.rint(box - 0.5), -1e5, 1e5))
        cv2.rectangle(canvas, (x1, y1), (x2, y2), _BOX_COLOR, width, cv2.LINE_AA)
    for points, score, known in zip(keypoints, scores, shown, strict=True):
        visible = np.asarray(known, bool) & (np.asarray(score) >= kpt_thr)
        if visible.any():
            extent = np.ptp(points[visible], axis=0).max()
            limits = 0.005 * max(image.shape[:2]), 0.016 * max(image.shape[:2])
            radius = max(1.5, float(np.clip(0.03 * extent, *limits)))
            canvas = draw_skeleton(canvas, points, visible, links, score, radius=radius)
    return canvas
