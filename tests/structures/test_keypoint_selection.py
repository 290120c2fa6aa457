"""Selecting keypoints: metainfo and labels against what the names say."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from kpt_plugins.structures.keypoint_selection import (
    check_flip,
    find_keypoints,
    keypoint_names,
    select_labels,
    select_metainfo,
    select_structure,
)

NAMES = ['head', 'l_hand', 'r_hand', 'hip', 'l_foot', 'r_foot']
SWAP = {'l_hand': 'r_hand', 'r_hand': 'l_hand', 'l_foot': 'r_foot', 'r_foot': 'l_foot'}
LINKS = [('head', 'l_hand'), ('head', 'r_hand'), ('head', 'hip'), ('hip', 'l_foot')]
LINKS.append(('r_foot', 'hip'))


@pytest.fixture
def info() -> dict:
    keypoints = {
        i: dict(
            name=name,
            id=i,
            color=[10 * i, i, 0],
            type='lower' if 'foot' in name or name == 'hip' else 'upper',
            swap=SWAP.get(name, ''),
        )
        for i, name in enumerate(NAMES)
    }
    links = {i: dict(link=link, id=i, color=[i, i, i]) for i, link in enumerate(LINKS)}
    return parse_pose_metainfo(
        dict(
            dataset_name='figure',
            keypoint_info=keypoints,
            skeleton_info=links,
            joint_weights=[1.0, 1.1, 1.2, 1.3, 1.4, 1.5],
            sigmas=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        )
    )


def test_all_keypoints_in_order_changes_nothing(info):
    before = copy.deepcopy(info)
    result = select_metainfo(info, NAMES)
    assert result.pop('swap_missing') == []
    assert result.keys() == info.keys()
    for key, value in result.items():
        assert np.array_equal(value, info[key]), key
        assert np.array_equal(before[key], info[key]), key


@pytest.mark.parametrize('seed', range(8))
def test_says_of_each_name_what_the_original_says(info, seed):
    """Any closed set in any order, read by name."""
    chooser = random.Random(seed)
    groups = [['head'], ['hip'], ['l_hand', 'r_hand'], ['l_foot', 'r_foot']]
    names = [n for group in chooser.sample(groups, chooser.randint(1, 4)) for n in group]
    chooser.shuffle(names)
    result = select_metainfo(info, names)
    assert keypoint_names(result) == names
    assert result['keypoint_name2id'] == {name: i for i, name in enumerate(names)}
    assert result['num_keypoints'] == len(names)
    assert result['swap_missing'] == []
    for new, name in enumerate(names):
        old = NAMES.index(name)
        assert names[result['flip_indices'][new]] == SWAP.get(name, name)
        assert result['sigmas'][new] == info['sigmas'][old]
        assert result['dataset_keypoint_weights'][new] == info['dataset_keypoint_weights'][old]
        assert result['keypoint_colors'][new].tolist() == [10 * old, old, 0]
        assert (new in result['upper_body_ids']) == (old in info['upper_body_ids'])
        assert (new in result['lower_body_ids']) == (old in info['lower_body_ids'])
    pairs = {(names[i], names[j]) for i, j in result['flip_pairs']}
    assert pairs == {(a, b) for a, b in SWAP.items() if a in names}
    kept = [link for link in LINKS if set(link) <= set(names)]
    assert [(names[i], names[j]) for i, j in result['skeleton_links']] == kept
    assert result['num_skeleton_links'] == len(kept)
    colors = [[LINKS.index(link)] * 3 for link in kept]
    assert result['skeleton_link_colors'].tolist() == colors
    check_flip(result, 'RandomFlip')


def test_partner_missing(info):
    result = select_metainfo(info, ['l_foot', 'head', 'l_hand', 'r_hand'])
    assert result['flip_indices'] is None
    assert result['flip_pairs'] == []
    assert result['swap_missing'] == [('l_foot', 'r_foot')]
    with pytest.raises(ValueError, match=r'flip_test needs both .* l_foot without r_foot: put'):
        check_flip(result, 'flip_test')


def test_selecting_from_a_selection_that_is_not_closed(info):
    first = select_metainfo(info, ['l_foot', 'head', 'hip'])
    again = select_metainfo(first, ['hip', 'l_foot'])
    assert again['swap_missing'] == [('l_foot', 'r_foot')]
    assert again['flip_indices'] is None
    with pytest.raises(ValueError, match='l_foot without r_foot'):
        check_flip(again, 'RandomFlip')
    with pytest.raises(ValueError, match='RandomFlip needs flip_indices'):
        check_flip(select_metainfo(first, ['hip']), 'RandomFlip')


def test_category_records_list_no_keypoints(info):
    info['CLASSES'] = [dict(id=1, name='figure', keypoints=NAMES, skeleton=[[1, 2]])]
    assert select_metainfo(info, ['hip'])['CLASSES'] == [dict(id=1, name='figure')]
    assert 'skeleton' in info['CLASSES'][0]


def test_unknown_and_repeated_names(info):
    with pytest.raises(ValueError, match='keypoint tail, ear: not among the 6 of figure: head, l_'):
        select_metainfo(info, ['head', 'tail', 'ear'])
    with pytest.raises(ValueError, match='keypoint hip: given more than once'):
        select_metainfo(info, ['hip', 'head', 'hip'])
    assert find_keypoints(['hip', 'head'], NAMES, 'x') == [3, 0]


def test_structure_touches_only_what_is_there():
    assert select_structure(dict(img_id=3), [1, 0]) == {}
    assert select_structure(dict(flip_indices=[1, 0, 2], sigmas=[1, 2, 3]), [2]) == dict(
        flip_indices=[0], sigmas=[3]
    )


@pytest.mark.parametrize('columns', [0, 1, 2])
def test_labels(columns):
    rng = np.random.default_rng(columns)
    visible = rng.integers(0, 2, (2, 6) + (columns,) * (columns > 0)).astype(np.float32)
    record = dict(
        keypoints=rng.random((2, 6, 2)),
        keypoints_3d=rng.random((2, 6, 3)),
        transformed_keypoints=rng.random((2, 6, 2)),
        keypoints_visible=visible,
        num_keypoints=12,
        img_id=7,
    )
    before = copy.deepcopy(record)
    indices = [4, 0, 5]
    result = select_labels(record, indices)
    count = 0
    for n in range(2):
        for new, old in enumerate(indices):
            for key in ('keypoints', 'keypoints_3d', 'transformed_keypoints', 'keypoints_visible'):
                assert np.array_equal(result[key][n, new], record[key][n, old])
            count += bool(np.ravel(visible[n, old])[0] > 0)
    assert result['num_keypoints'] == count
    assert 'img_id' not in result
    result['keypoints'][:] = -1
    for key, value in before.items():
        assert np.array_equal(record[key], value)


def test_raw_annotation():
    raw = dict(id=3, keypoints=[1, 2, 2, 3.5, 4, 1, 5, 6, 0, 7, 8, 2], num_keypoints=3, bbox=[0])
    result = select_labels(dict(raw_ann_info=raw), [2, 1])['raw_ann_info']
    assert result == dict(id=3, keypoints=[5, 6, 0, 3.5, 4, 1], num_keypoints=1, bbox=[0])
    assert raw['num_keypoints'] == 3
    both = select_labels(dict(raw_ann_info=[raw, raw]), [0])['raw_ann_info']
    assert [one['keypoints'] for one in both] == [[1, 2, 2]] * 2
    assert select_labels(dict(raw_ann_info=None), [0]) == dict(raw_ann_info=None)
