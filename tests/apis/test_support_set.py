"""What counts as a support, and what is wrong with others."""

import numpy as np
import pytest

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.apis.support_set import Support, SupportSet, check_boxes
from kpt_plugins.structures.skeleton import minimum_spanning_tree

IMAGE = np.zeros((40, 60, 3), np.uint8)
POINTS = [[5, 6], [50, 8], [52, 30], [30, 33]]


def make(**change):
    return SupportSet.from_arrays(**{**dict(images=IMAGE, keypoints=POINTS), **change})


def test_one_image_and_defaults():
    support = make()
    (one,) = support.supports
    assert one.keypoints.tolist() == [[x, y, 2] for x, y in POINTS]
    assert one.bbox.tolist() == [0, 0, 60, 40] and support.shown.all()
    assert support.category.keypoint_names == [f'keypoint_{i}' for i in range(4)]
    assert support.category.skeleton == [tuple(x) for x in minimum_spanning_tree(POINTS).tolist()]


def test_a_visibility_where_one_is_needed():
    points = [[5, 6], [50, 8, 1], [0, 0, 0], (float('nan'), 3)]
    (support,) = make(keypoints=points).supports
    assert support.keypoints.tolist() == [[5, 6, 2], [50, 8, 1], [0, 0, 0], [0, 0, 0]]


def test_an_array_for_each_image():
    again = make(images=[IMAGE, IMAGE], keypoints=np.stack([POINTS, POINTS]))
    assert len(again.supports) == 2


def test_what_is_given():
    support = make(
        skeleton=[[0, 1], [1, 0], [2, 2], [3, 1]],
        names=list('abcd'),
        flip_pairs=[[0, 1]],
        bbox=[1, 2, 58, 39],
        category='fish',
    )
    assert support.category == KeypointCategory('fish', list('abcd'), [(0, 1), (3, 1)], [(0, 1)])
    assert support.supports[0].bbox.tolist() == [1, 2, 58, 39]


def test_keypoints_that_are_not_shown():
    nan = make(keypoints=[[np.nan, np.nan], *POINTS[1:]])
    flag = make(keypoints=[[3, 3, 0], *([x, y, 1] for x, y in POINTS[1:])])
    for support in (nan, flag):
        assert support.shown.tolist() == [False, True, True, True]
        assert support.supports[0].keypoints[0].tolist() == [0, 0, 0]
        assert not any(0 in link for link in support.category.skeleton)


def test_the_tree_is_that_of_the_mean_pose():
    """Each keypoint is shown by one of two supports only, one moved and twice as large."""
    first, second = np.array(POINTS, float), np.array(POINTS, float) / 2
    first[2:], second[:2] = np.nan, np.nan
    support = make(
        images=[IMAGE, IMAGE], keypoints=[first, second], bbox=[[0, 0, 60, 40], [0, 0, 30, 20]]
    )
    assert support.category.skeleton == make().category.skeleton


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(keypoints=[[np.nan] * 2] * 4), 'support 1: the support shows no keypoint'),
        (dict(keypoints=[[1, 1, 0]] * 4), 'support 1: the support shows no keypoint'),
        (dict(keypoints=[]), 'support 1: keypoints: there is none'),
        (dict(keypoints=[[1, 2, 3, 4]]), r'shape \(1, 4\), expected \(K, 2\)'),
        (dict(keypoints=[POINTS]), r'shape \(1, 4, 2\), expected \(K, 2\)'),
        (dict(keypoints=[[1, 2], [1]]), 'support 1: keypoints: expected a list of'),
        (dict(keypoints='abc'), 'support 1: keypoints: .*all numbers'),
        (dict(keypoints=[[5, 6], [62, 8]]), r'keypoint 1 at \(62, 8\), expected x from 0 to 60'),
        (dict(keypoints=[[5, -6]]), r'support 1: keypoint 0 at \(5, -6\)'),
        (dict(keypoints=[[5, 6, 7]]), r'keypoint 0 is \(5, 6, 7\), expected .* visibility'),
        (dict(keypoints=[[5, np.inf, 2]]), 'keypoint 0 is .*inf'),
        (dict(names=list('abc')), r'names: 3 for 4 keypoints \(by support: .*support 1'),
        (dict(names='abcd'), "names: 'abcd', expected a list of texts"),
        (dict(names=[list('ab'), list('ba')] * 2), 'expected a list of texts, the same for all'),
        (dict(names=list('abca')), "keypoint names .'a'. occur twice"),
        (dict(skeleton=[[0, 4]]), 'skeleton: skeleton index 4 is out of range: with 4'),
        (dict(skeleton=[[-1, 2]]), 'skeleton index -1 is out of range'),
        (dict(skeleton=[[1, 2, 3]]), r'skeleton: .*expected a list of \[i, j\]'),
        (dict(flip_pairs=[[0, 9]]), 'flip_pairs: .*9 is out of range'),
        (dict(bbox=[5, 5, 3, 9]), r'support 1: bbox \(5, 5, 3, 9\): expected x1, y1, x2, y2'),
        (dict(bbox=[70, 5, 80, 9]), 'lies outside the image of 60 x 40'),
        (dict(bbox=[1, 2, 3]), 'support 1: bbox'),
        (dict(images=[IMAGE, IMAGE]), 'keypoints: 4 for 2 images'),
        (dict(images=[IMAGE], keypoints=[POINTS], bbox=[1, 2, 3, 4]), 'for a list of images'),
        (dict(images=[IMAGE], keypoints=[POINTS], bbox=[None] * 2), 'bbox: 2 for 1 images'),
        (dict(images=[], keypoints=[]), 'no support'),
        (
            dict(images=[IMAGE, IMAGE], keypoints=[POINTS, POINTS[:3]]),
            'support 2: 3 keypoints, but category .object. has 4',
        ),
    ],
)
def test_mistakes(change, message):
    with pytest.raises(ValueError, match=message):
        make(**change)


def test_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.png'):
        make(images=str(tmp_path / 'gone.png'))
    with pytest.raises(TypeError, match='int, expected a path'):
        make(images=3)


def test_points_on_the_border_are_rounded_ones():
    assert Support('x', IMAGE, [[-0.4, 0], [60.5, 40]]).visible.all()


def test_boxes():
    assert check_boxes(None, 60, 40).tolist() == [[0, 0, 60, 40]]
    assert check_boxes([[0, 0, 9, 9], [-5, 3, 99, 99]], 60, 40).shape == (2, 4)
    with pytest.raises(ValueError, match='here'):
        check_boxes([[0, 0, 9, np.nan]], 60, 40, 'here')
