"""Pictures to look at: instances with their keypoints, skeleton and box."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .categories import SyntheticCategory
from .instance import Instance, render_instance


def keypoint_colours(count: int) -> np.ndarray:
    """Well separated BGR colours, uint8 (count, 3)."""
    hue = (np.arange(count) * 180 / count).astype(np.uint8)
    hsv = np.stack([hue, np.full(count, 255, np.uint8), np.full(count, 255, np.uint8)], 1)
    return cv2.cvtColor(hsv[None], cv2.COLOR_HSV2BGR)[0]


def draw_instance(category: SyntheticCategory, instance: Instance, zoom: int = 2) -> np.ndarray:
    """The image, enlarged, with links (white), keypoints (coloured) and box; BGR uint8."""
    image = cv2.resize(instance.image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    points, seen = instance.keypoints[:, :2] * zoom - 0.5, instance.keypoints[:, 2] > 0
    pixels = [tuple(map(int, np.round(p))) for p in points]
    for i, j in category.blueprint.skeleton:
        if seen[i] and seen[j]:
            cv2.line(image, pixels[i], pixels[j], (255, 255, 255), 1, cv2.LINE_AA)
    colours = keypoint_colours(len(points)).tolist()
    for k, pixel in enumerate(pixels):
        if seen[k]:
            cv2.circle(image, pixel, 3, (0, 0, 0), -1, cv2.LINE_AA)
            cv2.circle(image, pixel, 2, colours[k], -1, cv2.LINE_AA)
    x, y, w, h = (int(round(v * zoom)) for v in instance.bbox)
    cv2.rectangle(image, (x, y), (x + w - 1, y + h - 1), (0, 255, 255), 1)
    return image


def contact_sheet(
    categories: Sequence[SyntheticCategory], columns: int = 6, zoom: int = 2, plain: bool = False
) -> np.ndarray:
    """One row a category, the first `columns` instances; `plain` leaves the drawing out."""
    rows = []
    for category in categories:
        cells = []
        for i in range(columns):
            instance = render_instance(category, i)
            cells.append(
                cv2.resize(instance.image, None, fx=zoom, fy=zoom)
                if plain
                else draw_instance(category, instance, zoom)
            )
        row = np.hstack(cells)
        label = f'{category.name}  K={category.num_keypoints}'
        cv2.putText(row, label, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(
            row, label, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA
        )
        rows.append(row)
    return np.vstack(rows)
