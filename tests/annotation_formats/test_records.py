import numpy as np
import pytest

from kpt_plugins.annotation_formats import (
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
)

CUP = KeypointCategory('cup', ['rim', 'handle'], skeleton=[(0, 1)])


def test_absent_keypoints_have_no_place():
    instance = KeypointInstance('cup', [[3, 4, 2], [np.nan, 9, 0]])
    np.testing.assert_array_equal(instance.keypoints, [[3, 4, 2], [0, 0, 0]])


def test_the_array_is_a_copy():
    given = np.array([[3.0, 4, 0], [1, 1, 2]])
    KeypointInstance('cup', given)
    assert given[0, 0] == 3


@pytest.mark.parametrize(
    'keypoints, message',
    [
        ([1, 2, 3], r'\(K, 3\)'),
        ([[1, 2]], r'\(K, 3\)'),
        ([[1, 2, 3]], 'visibility'),
        ([[np.inf, 2, 2]], 'no numbers'),
    ],
)
def test_bad_keypoints(keypoints, message):
    with pytest.raises(ValueError, match=message):
        KeypointInstance('cup', keypoints)


@pytest.mark.parametrize('bbox', [(0, 0, 0, 5), (0, 0, 5), (0, 0, 5, np.nan)])
def test_bad_box(bbox):
    with pytest.raises(ValueError, match='bbox'):
        KeypointInstance('cup', [[1, 2, 2], [1, 2, 2]], bbox=bbox)


def test_bad_scores():
    with pytest.raises(ValueError, match='scores'):
        KeypointInstance('cup', [[1, 2, 2], [1, 2, 2]], scores=[0.5])


@pytest.mark.parametrize(
    'parts, message',
    [
        (dict(keypoint_names=['a', 'a']), "'a'"),
        (dict(keypoint_names=['a', 'b'], skeleton=[[0, 2]]), r'skeleton has \[0, 2\]'),
        (dict(keypoint_names=['a', 'b'], flip_pairs=[[-1, 0]]), r'flip_pairs has \[-1, 0\]'),
        (dict(keypoint_names=['a', 'b'], skeleton=[[0, 1, 1]]), r'skeleton has \[0, 1, 1\]'),
        (dict(keypoint_names=['a', 'b'], skeleton=[[0.5, 1]]), r'skeleton has \[0.5, 1\]'),
        (dict(keypoint_names=['a', 'b'], skeleton='x'), "skeleton has 'x', expected two"),
    ],
)
def test_bad_category(parts, message):
    with pytest.raises(ValueError, match=message):
        KeypointCategory('cup', **parts)


def test_instances_fit_their_category():
    one = [KeypointInstance('cup', [[1, 2, 2]])]
    with pytest.raises(ValueError, match="a.png: 1 keypoints, but category 'cup' has 2"):
        AnnotationSet([CUP], [AnnotatedImage('a.png', instances=one)])
    other = [KeypointInstance('pot', [[1, 2, 2]])]
    with pytest.raises(ValueError, match="a.png: category 'pot'"):
        AnnotationSet([CUP], [AnnotatedImage('a.png', instances=other)])
    with pytest.raises(ValueError, match='twice'):
        AnnotationSet([CUP, CUP])


def test_category_by_name():
    annotations = AnnotationSet([CUP])
    assert annotations.category('cup') is CUP
    with pytest.raises(KeyError, match='pot'):
        annotations.category('pot')
