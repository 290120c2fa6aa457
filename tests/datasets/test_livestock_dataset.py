"""LivestockDataset: its metainfo is that of the files, and left and right are the animal's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mmpose.registry import DATASETS
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from kpt_plugins.datasets.livestock_dataset import NAMES, LivestockDataset
from tests.helpers import coco_file, write_coco


def _content(num_images: int = 3) -> dict:
    content = coco_file(num_keypoints=18, skeleton=[], num_images=num_images)
    content['categories'][0]['keypoints'] = list(NAMES)
    return content


def test_metainfo():
    info = LivestockDataset(lazy_init=True).metainfo
    assert info['dataset_name'] == 'livestock'
    assert info['num_keypoints'] == len(set(NAMES)) == 18
    names = info['keypoint_id2name']
    other = {'l_': 'r_', 'r_': 'l_'}
    for i, j in enumerate(info['flip_indices']):
        assert names[j] == other.get(names[i][:2], names[i][:2]) + names[i][2:]
    halves = info['upper_body_ids'] + info['lower_body_ids']
    assert sorted(halves) == list(range(18))
    assert {names[i] for i in info['lower_body_ids']} >= {'tail', 'l_hind_foot', 'hind_knee'}
    assert set(info['sigmas'].tolist()) == {np.float32(0.05)}


def test_records(tmp_path):
    content = _content()
    write_coco(tmp_path, content)
    dataset = DATASETS.build(
        dict(
            type='LivestockDataset',
            ann_file='ann.json',
            data_root=str(tmp_path),
            data_prefix=dict(img='images'),
        )
    )
    assert len(dataset) == 3
    record = dataset[1]
    expected = np.float32(content['annotations'][1]['keypoints']).reshape(1, 18, 3)
    assert np.array_equal(record['keypoints'], expected[..., :2])
    assert record['img_path'] == str(tmp_path / 'images' / '1.png')


@pytest.mark.parametrize('species', ['cattle', 'horse', 'sheep'])
@pytest.mark.parametrize('subset', ['train', 'val', 'test'])
def test_real_files(kpt_data, species, subset):
    root = kpt_data / 'livestock'
    ann_file = f'annotations/{species}_{subset}.json'
    dataset = LivestockDataset(
        ann_file=ann_file, data_root=str(root), data_prefix=dict(img='images')
    )
    content = json.loads((root / ann_file).read_text())
    assert len(dataset) == len(content['annotations'])
    info = dataset.metainfo
    assert list(info['keypoint_id2name'].values()) == content['categories'][0]['keypoints']
    assert [list(link) for link in info['skeleton_links']] == content['categories'][0]['skeleton']


@pytest.mark.parametrize('species', ['cattle', 'horse', 'sheep'])
def test_left_and_right_are_the_animals_own(kpt_data, species):
    """The nearer foot of a pair, which is lower in a side view, changes with the facing."""
    content = json.loads((kpt_data / 'livestock/annotations' / f'{species}_train.json').read_text())
    points = np.array([a['keypoints'] for a in content['annotations']]).reshape(-1, 18, 3)
    x, y, seen = (points[..., i] for i in range(3))
    neck, hip = NAMES.index('neck'), NAMES.index('hip')
    left, right = NAMES.index('l_hind_foot'), NAMES.index('r_hind_foot')
    usable = (seen[:, [neck, hip, left, right]] > 0).all(axis=1)
    left_lower = y[:, left] > y[:, right]
    faces_left = x[:, neck] < x[:, hip]
    assert left_lower[usable & faces_left].mean() > 0.7
    assert left_lower[usable & ~faces_left].mean() < 0.25


def test_links_are_a_tree():
    links = np.array(LivestockDataset(lazy_init=True).metainfo['skeleton_links'])
    graph = coo_array((np.ones(len(links)), links.T), shape=(18, 18))
    assert len(links) == 17
    assert connected_components(graph, directed=False, return_labels=False) == 1
