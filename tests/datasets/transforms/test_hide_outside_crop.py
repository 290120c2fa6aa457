import numpy as np
import pytest

from kpt_plugins.datasets.transforms import HideKeypointsOutsideCrop


def visible_in_the_literature(point, size, grid=64, radius=6):
    """The check that generates heatmap targets: the patch is [cell - radius, cell + radius + 1]."""
    for coordinate, extent in zip(point, size, strict=True):
        cell = int(coordinate * grid / extent + 0.5)
        if cell - radius >= grid or cell + radius + 1 < 0:
            return False
    return True


def hide(points, size, visible=None, **kwargs):
    points = np.asarray(points, np.float32).reshape(1, -1, 2)
    visible = np.ones(points.shape[:2], np.float32) if visible is None else visible
    results = dict(transformed_keypoints=points, keypoints_visible=visible, input_size=size)
    return HideKeypointsOutsideCrop(**kwargs)(results)['keypoints_visible']


@pytest.mark.parametrize('size', [(256, 256), (128, 192)])
def test_equals_the_rule_point_by_point(size):
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.4, 1.4, (3000, 2)) * size
    points = points.astype(np.float32)
    expected = [visible_in_the_literature(point, size) for point in points.astype(float)]
    result = hide(points, size)
    assert 0.2 < np.mean(expected) < 0.9
    np.testing.assert_array_equal(result[0], expected)


def test_points_a_little_outside_stay_visible():
    assert hide([[-33, 128], [277, 128], [128, -33], [128, 277]], (256, 256)).all()
    assert not hide([[-34, 128], [278, 128], [128, -34], [128, 278]], (256, 256)).any()


def test_invisible_stays_invisible_and_input_is_left_alone():
    visible = np.float32([[0, 1, 1]])
    result = hide([[10, 10], [20, 20], [999, 20]], (256, 256), visible)
    assert result.tolist() == [[0, 1, 0]]
    assert visible.tolist() == [[0, 1, 1]]


def test_grid_and_radius():
    points = [[-41, 10], [-20, 10], [247, 10], [255, 10], [271, 10]]
    assert hide(points, (256, 256), grid_size=16, radius=0).tolist() == [[0, 1, 1, 0, 0]]
    assert hide(points, (256, 256), grid_size=16, radius=1).tolist() == [[1, 1, 1, 1, 0]]
