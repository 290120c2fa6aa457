"""Pictures to look at."""

from __future__ import annotations

import numpy as np
import pytest

from kpt_plugins.synthesis import build_category, contact_sheet, render_instance
from kpt_plugins.synthesis.preview import draw_instance, keypoint_colours

SIZE = 96


@pytest.mark.parametrize('count', [1, 8, 40])
def test_colours_are_bright_and_differ(count):
    colours = keypoint_colours(count)
    assert colours.shape == (count, 3) and colours.dtype == np.uint8
    assert (colours.max(axis=1) == 255).all()
    assert len({tuple(colour) for colour in colours.tolist()}) == count


def test_contact_sheet_has_a_row_a_category():
    categories = [build_category(0, index, SIZE) for index in (0, 1)]
    sheet = contact_sheet(categories, columns=3, zoom=2)
    plain = contact_sheet(categories, columns=3, zoom=2, plain=True)
    assert sheet.shape == plain.shape == (2 * 2 * SIZE, 3 * 2 * SIZE, 3)
    assert (sheet != plain).any()
    # below the label each cell is the enlarged instance
    cell = plain[2 * SIZE + 20 : 4 * SIZE, 2 * SIZE : 4 * SIZE]
    image = render_instance(categories[1], 1).image
    assert np.abs(cell[::2, ::2].astype(int) - image[10:]).mean() < 20


def test_instances_are_drawn_with_dots_and_box():
    category = build_category(0, 0, SIZE)
    instance = render_instance(category, 0)
    drawn = draw_instance(category, instance, zoom=4)
    colours = keypoint_colours(category.num_keypoints)
    x, y, w, h = (round(value * 4) for value in instance.bbox)
    assert drawn[y + h // 2, x].tolist() == [0, 255, 255]
    dots = 0
    for k in np.flatnonzero(instance.keypoints[:, 2]):
        x, y = np.round(instance.keypoints[k, :2] * 4 - 0.5).astype(int)
        dots += drawn[y, x].tolist() == colours[k].tolist()
    assert dots > 0.7 * (instance.keypoints[:, 2] > 0).sum()  # some lie under others
