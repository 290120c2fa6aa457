"""Boxes, keypoints and which instances are usable."""

from __future__ import annotations

import numpy as np
import pytest

from kpt_plugins.datasets.instance import clean_box, parse_keypoints, read_instance

IMAGE = dict(id=7, file_name='a/b.jpg', width=40, height=30)


@pytest.mark.parametrize(
    'bbox, expected',
    [
        ([4, 5, 21, 11], [4, 5, 24, 15]),  # one pixel less than x + w
        ([0, 0, 40, 30], [0, 0, 39, 29]),
        ([-5, -5, 20, 20], [0, 0, 19, 19]),  # the width is not shortened by what is outside
        ([30, 20, 50, 50], [30, 20, 39, 29]),
        ([4.5, 5.25, 2.5, 3.5], [4.5, 5.25, 6.0, 7.75]),
    ],
)
def test_clean_box(bbox, expected):
    assert clean_box(bbox, 40, 30).tolist() == expected


@pytest.mark.parametrize(
    'bbox', [[4, 5, 1, 11], [4, 5, 21, 0], [4, 5, -3, 11], [39, 0, 10, 10], [50, 5, 9, 9]]
)
def test_nothing_left_of_the_box(bbox):
    assert clean_box(bbox, 40, 30) is None


@pytest.mark.parametrize(
    'bbox', [[1, 2, 3], [1, 2, 3, None], [1, 2, 3, 'x'], 5, {}, [1, 2, float('nan'), 4]]
)
def test_malformed_box(bbox):
    with pytest.raises(ValueError, match='expected four finite numbers'):
        clean_box(bbox, 40, 30)


def test_parse_keypoints():
    result = parse_keypoints([1, 2, 0, 3.5, 4, 1, 5, 6, 2, None, float('nan'), 0])
    assert result.tolist() == [[1, 2, 0], [3.5, 4, 1], [5, 6, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    'keypoints, message',
    [
        ([1, 2], 'length 2: expected a flat list'),
        ([[1, 2, 2]], r'keypoints: \[1, 2, 2\] at place 0, expected a flat list'),
        ([1, 2, 2, 3, '4', 2], "keypoints: '4' at place 4, expected a flat list"),
        ('1 2 2', "keypoints '1 2 2': expected a flat list"),
        ({'nose': [1, 2, 2]}, 'keypoints {.*}: expected a flat list'),
        ([10**400, 1, 2], 'keypoints: a number is too large'),
        ([1, 2, 3], 'visibility 3 of keypoint 0'),
        ([1, 2, 2, 1, 2, 0.5], 'visibility 0.5 of keypoint 1'),
        ([1, 2, None], 'visibility nan of keypoint 0'),
        ([1, float('inf'), 2], 'keypoint 0 is visible at'),
    ],
)
def test_malformed_keypoints(keypoints, message):
    with pytest.raises(ValueError, match=message):
        parse_keypoints(keypoints)


def _annotation(**changes) -> dict:
    usual = dict(
        id=2**60,
        category_id=3,
        bbox=[4, 5, 21, 11],
        keypoints=[5, 6, 2, 7, 8, 1],
        area=9,
        num_keypoints=2,
    )
    return {k: v for k, v in {**usual, **changes}.items() if v is not ...}


@pytest.mark.parametrize(
    'changes, reason',
    [
        ({}, ''),
        (dict(area=..., num_keypoints=..., iscrowd=0), ''),
        (dict(iscrowd=1), 'crowd'),
        (dict(bbox=...), 'no bbox'),
        (dict(bbox=None), 'no bbox'),
        (dict(area=0), 'area of zero'),
        (dict(bbox=[50, 5, 9, 9]), 'empty bbox'),
        (dict(keypoints=...), 'no keypoints'),
        (dict(keypoints=[]), 'no keypoints'),
        (dict(num_keypoints=0), 'no visible keypoint'),
        (dict(keypoints=[0] * 6), 'no visible keypoint'),
        (dict(keypoints=[5, 6, 0, 7, 8, 0], num_keypoints=...), 'no visible keypoint'),
    ],
)
def test_reason_to_leave_out(changes, reason):
    instance, found = read_instance(_annotation(**changes), IMAGE)
    assert found == reason and (instance is None) == bool(reason)


@pytest.mark.parametrize('keypoints', ['', 0, {}])
def test_keypoints_that_are_no_list_are_not_taken_for_none(keypoints):
    with pytest.raises(ValueError, match='keypoints .*: expected a flat list'):
        read_instance(_annotation(keypoints=keypoints), IMAGE)


def test_read_instance():
    instance, _ = read_instance(_annotation(), IMAGE)
    assert (instance.id, instance.image_id, instance.category_id) == (2**60, 7, 3)
    assert instance.file_name == 'a/b.jpg'
    assert instance.box.tolist() == [4, 5, 24, 15]
    assert instance.keypoints.tolist() == [[5, 6, 1], [7, 8, 1]]


def test_min_visible():
    assert read_instance(_annotation(), IMAGE, min_visible=2)[0] is not None
    assert read_instance(_annotation(), IMAGE, min_visible=3) == (
        None,
        'fewer than 3 visible keypoints',
    )


@pytest.mark.parametrize('keypoints', [[], None, [1, 2, 0, 3, 4, 0]])
def test_nothing_visible_where_nothing_need_be(keypoints):
    annotation = dict(_annotation(), keypoints=keypoints, num_keypoints=0)
    assert read_instance(annotation, IMAGE)[0] is None
    instance, reason = read_instance(annotation, IMAGE, min_visible=0)
    assert reason == '' and instance.keypoints.shape == (len(keypoints or []) // 3, 3)


def test_malformed_area():
    with pytest.raises(ValueError, match="area 'big'"):
        read_instance(_annotation(area='big'), IMAGE)


def test_types():
    assert clean_box([4, 5, 21, 11], 40, 30).dtype == np.float64
    assert parse_keypoints([1, 2, 2]).dtype == np.float64
