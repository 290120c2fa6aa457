"""Keypoints of PASCAL3D+ and their metainfo."""

from __future__ import annotations

import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from kpt_plugins.datasets.pascal3d_keypoints import KEYPOINTS, category_id, rigid_metainfo
from kpt_plugins.structures.left_right import find_unpaired

SIZES = dict(
    aeroplane=8,
    bicycle=11,
    boat=7,
    bottle=7,
    bus=12,
    car=12,
    chair=10,
    diningtable=12,
    motorbike=10,
    sofa=10,
    train=17,
    tvmonitor=8,
)
"""From the specification."""


def test_numbers_of_keypoints():
    assert {name: len(set(points)) for name, points in KEYPOINTS.items()} == SIZES


@pytest.mark.parametrize('category', KEYPOINTS)
def test_left_and_right_are_exchanged(category):
    names = KEYPOINTS[category]
    info = parse_pose_metainfo(rigid_metainfo('x', names))
    assert find_unpaired(names) == []
    for i, j in enumerate(info['flip_indices']):
        exchange = {'left': 'right', 'right': 'left'}
        words = [exchange.get(word, word) for word in names[i].split('_')]
        assert names[j] == '_'.join(words)
    assert info['num_keypoints'] == len(names) and info['skeleton_links'] == []


def test_without_flips():
    info = parse_pose_metainfo(rigid_metainfo('x', ['left_a', 'right_a'], flips=False))
    assert info['flip_indices'] == [0, 1]


def test_category_ids():
    assert [category_id(name) for name in KEYPOINTS] == list(range(1, 13))
    with pytest.raises(ValueError, match="category='cat': expected one of aeroplane, "):
        category_id('cat')
