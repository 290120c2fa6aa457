import numpy as np
import pytest

from kpt_plugins.visualization import draw_skeleton, keypoint_colors

POINTS = np.array([[10.0, 10.0], [50.0, 30.0], [20.0, 50.0]])
LINKS = np.array([[0, 1], [1, 2]])


def blank():
    return np.zeros((64, 64, 3), dtype=np.uint8)


def lit(image, x, y, size=2):
    return image[int(y) - size : int(y) + size + 1, int(x) - size : int(x) + size + 1].any()


def test_draws_points_and_links_on_a_copy():
    image = blank()
    drawn = draw_skeleton(image, POINTS, np.ones(3), LINKS)
    assert not image.any()
    assert drawn.shape == image.shape and drawn.dtype == np.uint8
    assert all(lit(drawn, *point) for point in POINTS)
    assert lit(drawn, 30, 20) and lit(drawn, 35, 40)


def test_hidden_points_lose_their_links():
    drawn = draw_skeleton(blank(), POINTS, [1, 0, 1], LINKS)
    assert lit(drawn, *POINTS[0]) and lit(drawn, *POINTS[2])
    assert not lit(drawn, *POINTS[1])
    assert not lit(drawn, 30, 20)


def test_place_is_the_pixel_that_holds_the_point():
    drawn = draw_skeleton(blank(), [[20.5, 40.5]], [1], np.zeros((0, 2)), radius=3)
    ys, xs = np.nonzero(drawn.any(axis=-1))
    assert (xs.mean(), ys.mean()) == (20, 40)


def test_the_surer_the_fuller():
    def brightness(score):
        drawn = draw_skeleton(
            blank(), POINTS[:1], [1], np.zeros((0, 2)), scores=np.array([score]), radius=8
        )
        return int(drawn[10, 10].max())

    values = [brightness(score) for score in (0.0, 0.5, 1.0)]
    assert values[0] == 0 and values[0] < values[1] < values[2]


def test_points_far_outside_or_not_finite_do_no_harm():
    points = np.array([[1e12, -1e12], [np.nan, 5], [np.inf, 0]])
    draw_skeleton(blank(), points, np.ones(3), np.array([[0, 1], [0, 2]]))


def test_colors_differ():
    assert len({tuple(color) for color in keypoint_colors(17)}) == 17
    assert keypoint_colors(0).shape == (0, 3)


def test_errors():
    with pytest.raises(ValueError, match='outside 0..2'):
        draw_skeleton(blank(), POINTS, np.ones(3), [[0, 3]])
    with pytest.raises(ValueError, match=r'\(K, 2\)'):
        draw_skeleton(blank(), POINTS, np.ones(2), LINKS)
