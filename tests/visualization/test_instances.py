"""All objects of an image in one picture."""

import numpy as np

from kpt_plugins.visualization.instances import draw_instances

IMAGE = np.zeros((200, 300, 3), np.uint8)
POINTS = np.array([[[40.0, 30], [80, 120]], [[200, 40], [260, 150]]])
SCORES = np.ones((2, 2))
SHOWN = np.ones((2, 2), bool)
LINKS = np.array([[0, 1]])


def draw(**change):
    given = dict(image=IMAGE, keypoints=POINTS, scores=SCORES, shown=SHOWN, links=LINKS)
    return draw_instances(**{**given, **change})


def test_x_goes_right_and_y_goes_down():
    drawing = draw(links=LINKS[:0])
    assert not IMAGE.any() and drawing.shape == IMAGE.shape
    for x, y in POINTS.reshape(-1, 2).astype(int):
        assert drawing[y, x].any()
    assert not drawing[POINTS[1, 1, 0].astype(int) - 100, 150].any()


def test_links_only_within_an_object():
    drawing = draw()
    middle = POINTS.mean(axis=1).astype(int)
    assert all(drawing[y, x].any() for x, y in middle)
    assert not drawing[:, 120:180].any()


def test_left_out():
    first = draw(keypoints=POINTS[:1], scores=SCORES[:1], shown=SHOWN[:1])
    hidden = SHOWN.copy()
    hidden[1] = False
    np.testing.assert_array_equal(draw(shown=hidden), first)
    unsure = SCORES.copy()
    unsure[1] = 0.2
    np.testing.assert_array_equal(draw(scores=unsure, kpt_thr=0.3), first)
    assert draw(scores=unsure)[40, 200].any()
    nothing = draw(keypoints=[], scores=[], shown=[], boxes=[])
    np.testing.assert_array_equal(nothing, IMAGE)


def test_boxes():
    drawing = draw(boxes=np.array([[20, 10, 100, 140]]), shown=~SHOWN)
    assert drawing[10, 50].any() and drawing[80, 20].any() and not drawing[80, 60].any()


def test_far_outside_the_image():
    np.testing.assert_array_equal(draw(keypoints=POINTS + 1e7, boxes=[[1e8, 1e8, 2e8, 2e8]]), IMAGE)
