"""Pictures of a weak-shot model: prompts, keyness, and what corresponds in two images."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .keypoints import draw_disc, keypoint_colors
from .panels import add_caption, join_row, resize_image

PANEL_SIZE = 224


@dataclass(frozen=True, eq=False)
class PromptView:
    """What a model says about one image; points are fractions of the image.

    Attributes:
        image: ``uint8 array (H, W, 3)``, BGR.
        heatmaps: ``array (N, h, w)`` in [0, 1].
        points: ``array (N, 2)``; visibility ``array (N,)`` in [0, 1].
        keyness: ``array (h, w)`` in [0, 1], or None.
        truth: ``array (K, 2)`` of the visible keypoints, or None.
    """

    image: np.ndarray
    heatmaps: np.ndarray
    points: np.ndarray
    visibility: np.ndarray
    keyness: np.ndarray | None = None
    truth: np.ndarray | None = None


def draw_prompts(view: PromptView, size: int = PANEL_SIZE, threshold: float = 0.1) -> np.ndarray:
    """The prompts' points, each in its colour, filled by its visibility; dead ones are left out."""
    canvas = resize_image(view.image, size).copy()
    colors = keypoint_colors(len(view.points))
    places = view.points * canvas.shape[1::-1]
    # the most visible ones are drawn last, on top
    for n in np.argsort(view.visibility):
        if view.visibility[n] > threshold:
            draw_disc(canvas, places[n], colors[n], max(2.0, size / 70), view.visibility[n])
    return canvas


def draw_heatmaps(view: PromptView, size: int = PANEL_SIZE) -> np.ndarray:
    """All prompts' heatmaps over the darkened image, each in its prompt's colour."""
    image = resize_image(view.image, size)
    colors = keypoint_colors(len(view.heatmaps)).astype(np.float64)
    strongest = view.heatmaps.argmax(axis=0)
    share = np.clip(view.heatmaps.max(axis=0), 0, 1)
    shape = image.shape[1::-1]
    painted = cv2.resize(colors[strongest] * share[..., None], shape)
    share = cv2.resize(share.astype(np.float64), shape)[..., None]
    return np.clip(0.5 * image * (1 - share) + painted, 0, 255).astype(np.uint8)


def draw_keyness(view: PromptView, size: int = PANEL_SIZE) -> np.ndarray:
    """The keyness map over the image, true keypoints as small white rings."""
    image = resize_image(view.image, size)
    heat = cv2.resize(np.clip(view.keyness, 0, 1).astype(np.float32), image.shape[1::-1])
    painted = cv2.applyColorMap((255 * heat).astype(np.uint8), cv2.COLORMAP_JET)
    share = 0.7 * heat[..., None]
    canvas = np.clip(image * 0.6 * (1 - share) + painted * share, 0, 255).astype(np.uint8)
    if view.truth is not None:
        for place in view.truth * canvas.shape[1::-1]:
            draw_disc(canvas, place, np.array([255, 255, 255]), max(1.5, size / 100), 0.0)
    return canvas


def draw_correspondences(
    source: PromptView,
    target: PromptView,
    points: np.ndarray,
    found: np.ndarray,
    weights: np.ndarray,
    size: int = PANEL_SIZE,
) -> np.ndarray:
    """Lines from points of one image to the places found for them in another.

    Args:
        source, target: The two images.
        points: ``array (N, 2)``, fractions of the source.
        found: ``array (N, 2)``, fractions of the target.
        weights: ``array (N,)`` in [0, 1], by which discs are filled; below 0.1 nothing is drawn.
        size: Longer side of a panel in pixels.

    Returns:
        ``uint8 array``, BGR: the two images side by side.
    """
    first, second = (resize_image(view.image, size) for view in (source, target))
    canvas = join_row([first, second])
    shift = canvas.shape[1] - second.shape[1]
    colors = keypoint_colors(len(points))
    starts = points * first.shape[1::-1]
    ends = found * second.shape[1::-1] + (shift, 0)
    for n in np.argsort(weights):
        if weights[n] <= 0.1:
            continue
        color = tuple(int(value) for value in colors[n])
        line = [tuple(int(v) for v in np.rint(p - 0.5)) for p in (starts[n], ends[n])]
        cv2.line(canvas, *line, color, 1, cv2.LINE_AA)
        for place in (starts[n], ends[n]):
            draw_disc(canvas, place, colors[n], max(2.0, size / 80), weights[n])
    return canvas


def draw_weak_shot_row(
    first: PromptView,
    second: PromptView,
    found: np.ndarray | None = None,
    title: str = '',
    size: int = PANEL_SIZE,
) -> np.ndarray:
    """One row for a pair of images of a category.

    Prompts and heatmaps of both images, the first one's keyness, and the first one's prompts
    carried to the second by the descriptors.

    Args:
        first, second: The images.
        found: ``array (N, 2)``, the places in the second of the first one's prompts, or None.
        title: Caption of the first panel.
        size: Longer side of a panel in pixels.

    Returns:
        ``uint8 array``, BGR.
    """
    panels = [
        (draw_prompts(first, size), title or 'prompts'),
        (draw_heatmaps(first, size), 'heatmaps'),
    ]
    if first.keyness is not None:
        panels.append((draw_keyness(first, size), 'keyness, rings: truth'))
    panels.append((draw_prompts(second, size), 'prompts'))
    if found is not None:
        lines = draw_correspondences(first, second, first.points, found, first.visibility, size)
        panels.append((lines, 'correspondence'))
    return join_row([add_caption(panel, caption) for panel, caption in panels])
