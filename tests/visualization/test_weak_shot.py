import numpy as np
import pytest

from kpt_plugins.visualization.keypoints import keypoint_colors
from kpt_plugins.visualization.weak_shot import (
    PromptView,
    draw_correspondences,
    draw_heatmaps,
    draw_keyness,
    draw_prompts,
    draw_weak_shot_row,
)


def view(visibility=(1.0, 0.0), keyness=True):
    heatmaps = np.zeros((2, 8, 8))
    heatmaps[0, 2, 2] = 1
    return PromptView(
        image=np.full((40, 40, 3), 100, np.uint8),
        heatmaps=heatmaps,
        points=np.array([[0.25, 0.25], [0.75, 0.75]]),
        visibility=np.array(visibility),
        keyness=np.eye(8) if keyness else None,
        truth=np.array([[0.75, 0.25]]),
    )


def test_visible_prompts_are_drawn():
    canvas = draw_prompts(view(), 40)
    assert canvas[9, 9].tolist() == keypoint_colors(2)[0].tolist()
    assert (canvas[26:34, 26:34] == 100).all()  # a dead one
    assert (draw_prompts(view((1.0, 1.0)), 40)[26:34, 26:34] != 100).any()


def test_heatmaps_are_painted_in_the_prompts_colour():
    canvas = draw_heatmaps(view(), 64).astype(int)
    peak, color = canvas[20, 20], keypoint_colors(2)[0].astype(int)
    assert np.abs(peak - color).max() < 60
    assert np.abs(canvas[60, 60] - 50).max() <= 1  # darkened


def test_keyness_and_truth():
    canvas = draw_keyness(view(), 64).astype(int)
    assert canvas[20, 20, 2] > canvas[20, 40, 2]  # red is high
    plain = PromptView(**{**vars(view()), 'truth': None})
    assert (draw_keyness(plain, 64) != canvas).any()


def test_lines_between_the_images():
    first = view()
    nothing = draw_correspondences(first, first, first.points, first.points, np.zeros(2), 40)
    assert nothing.shape == (40, 84, 3)
    drawn = draw_correspondences(first, first, first.points, first.points, np.array([1.0, 0]), 40)
    changed = np.argwhere((drawn != nothing).any(axis=-1))
    # from (10, 10) to the same place of the second image, 44 pixels to the right
    assert changed[:, 0].max() < 15 and changed[:, 1].max() > 50 > 20 > changed[:, 1].min()


@pytest.mark.parametrize(('keyness', 'found', 'panels'), [(True, True, 6), (False, False, 3)])
def test_row(keyness, found, panels):
    one = view(keyness=keyness)
    row = draw_weak_shot_row(one, one, one.points if found else None, 'elk', 40)
    assert row.shape == (58, 40 * panels + 4 * (panels - 1), 3)
