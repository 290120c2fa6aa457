import numpy as np

from kpt_plugins.visualization.occlusion import OCCLUDED_COLOR, VISIBLE_COLOR, draw_occluded

POINTS = np.array([[10.0, 10.0], [30.0, 10.0], [10.0, 30.0]])


def draw(predicted=POINTS, annotated=(True, True, False), scores=(1.0, 1.0, 1.0)):
    image = np.zeros((40, 40, 3), np.uint8)
    occluded = np.array([False, True, False])
    drawn = draw_occluded(image, predicted, POINTS, np.array(annotated), occluded, scores, 3.0)
    assert not image.any()
    return drawn


def test_colours_say_what_is_hidden():
    drawn = draw()
    assert tuple(drawn[10, 10]) == VISIBLE_COLOR
    assert tuple(drawn[10, 30]) == OCCLUDED_COLOR
    assert not drawn[24:, :].any()  # not annotated


def test_unsure_predictions_are_rings():
    drawn = draw(scores=(0.0, 1.0, 1.0))
    assert tuple(drawn[10, 10]) != VISIBLE_COLOR and drawn[5:16, 5:16].any()


def test_a_line_leads_to_the_truth():
    moved = POINTS.copy()
    moved[0] = (10, 25)
    assert draw(moved)[15, 10].min() > 200
    moved[0] = np.nan
    draw(moved)
    moved[0] = 1e12
    draw(moved)
