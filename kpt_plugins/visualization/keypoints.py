"""Drawing keypoints and skeletons: arrays in, a new array out, no window needed."""

from __future__ import annotations

import cv2
import numpy as np

# cv2 takes coordinates as integers; with these bits after the point they are 1/16 pixel.
_SHIFT = 4
_SCALE = 1 << _SHIFT


def keypoint_colors(num_keypoints: int) -> np.ndarray:
    """One colour a keypoint, hues spread evenly.

    Returns:
        ``uint8 array (K, 3)``, BGR.
    """
    hsv = np.empty((1, num_keypoints, 3), dtype=np.uint8)
    # OpenCV's hues go from 0 to 180.
    hsv[..., 0] = np.arange(num_keypoints) * 180 / max(num_keypoints, 1)
    hsv[..., 1:] = 220, 255
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0] if num_keypoints else hsv[0]


def draw_skeleton(
    image: np.ndarray,
    keypoints: np.ndarray,
    visible: np.ndarray,
    links: np.ndarray,
    scores: np.ndarray | None = None,
    colors: np.ndarray | None = None,
    radius: float | None = None,
) -> np.ndarray:
    """Draw links and keypoints over an image.

    Args:
        image: ``uint8 array (H, W, 3)``, BGR; left as it is.
        keypoints: ``array (K, 2)`` in pixels, the centre of the first pixel at (0.5, 0.5).
        visible: ``bool array (K,)``; others are left out, with their links.
        links: ``int array (E, 2)``, zero-based.
        scores: ``array (K,)`` in [0, 1]: a disc is filled the more the surer it is, a ring stays.
        colors: ``uint8 array (K, 3)`` BGR, :func:`keypoint_colors` by default.
        radius: of the discs in pixels, 1.6 % of the longer side by default.

    Returns:
        The drawing, a new array of the image's shape.

    Raises:
        ValueError: if shapes do not fit or a link names a keypoint that is not there.
    """
    keypoints = np.asarray(keypoints, dtype=np.float64)
    visible = np.asarray(visible, dtype=bool)
    links = np.asarray(links, dtype=np.int64).reshape(-1, 2)
    if image.ndim != 3 or keypoints.shape != (len(visible), 2):
        raise ValueError(
            f'image, keypoints and visible must be (H, W, 3), (K, 2), (K,), got {image.shape}, '
            f'{keypoints.shape}, {visible.shape}'
        )
    if links.size and not 0 <= links.min() <= links.max() < len(keypoints):
        raise ValueError(f'links name keypoints outside 0..{len(keypoints) - 1}')
    visible = visible & np.isfinite(keypoints).all(axis=1)
    colors = keypoint_colors(len(keypoints)) if colors is None else colors
    radius = max(1.5, 0.016 * max(image.shape[:2])) if radius is None else radius
    canvas = np.ascontiguousarray(image).copy()
    places = _fixed_point(keypoints)
    width = max(1, round(radius * 0.6))
    for a, b in links[(visible[links]).all(axis=1)]:
        color = _bgr(colors[[a, b]].mean(axis=0))
        cv2.line(canvas, places[a], places[b], color, width, cv2.LINE_AA, _SHIFT)
    for k in np.flatnonzero(visible):
        draw_disc(canvas, keypoints[k], colors[k], radius, 1.0 if scores is None else scores[k])
    return canvas


def draw_disc(
    canvas: np.ndarray, center: np.ndarray, color: np.ndarray, radius: float, opacity: float = 1.0
) -> None:
    """Draw one disc in place: a dark rim, a coloured ring, a filling of the given opacity."""
    place = _fixed_point(np.asarray(center, dtype=np.float64)[None])[0]
    size = round(radius * _SCALE)
    opacity = float(np.clip(opacity, 0.0, 1.0))
    if opacity >= 1:
        cv2.circle(canvas, place, size, _bgr(color), -1, cv2.LINE_AA, _SHIFT)
    elif opacity > 0:
        filled = canvas.copy()
        cv2.circle(filled, place, size, _bgr(color), -1, cv2.LINE_AA, _SHIFT)
        cv2.addWeighted(filled, opacity, canvas, 1 - opacity, 0, dst=canvas)
    cv2.circle(canvas, place, size, _bgr(color), 1, cv2.LINE_AA, _SHIFT)
    cv2.circle(canvas, place, size + _SCALE, (0, 0, 0), 1, cv2.LINE_AA, _SHIFT)


def _fixed_point(points: np.ndarray) -> list[tuple[int, int]]:
    # cv2 puts the centre of the first pixel at 0. Far outside, its integers would overflow.
    limited = np.nan_to_num(np.clip(points - 0.5, -1e5, 1e5))
    return [(int(x), int(y)) for x, y in np.rint(limited * _SCALE)]


def _bgr(color: np.ndarray) -> tuple[int, int, int]:
    return tuple(int(value) for value in color)
