"""CocoKeypointDataset: the metainfo that it reads from a file, and what it refuses."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from mmpose.registry import DATASETS

from kpt_plugins.datasets import coco_keypoint_dataset
from kpt_plugins.datasets.coco_keypoint_dataset import CocoKeypointDataset
from kpt_plugins.datasets.livestock_dataset import LivestockDataset
from tests.helpers import coco_file, write_coco

NAMES = ['nose', 'right_eye', 'left_eye', 'chin']


def _content(**category) -> dict:
    content = coco_file(num_keypoints=4, skeleton=[[0, 1], [0, 2], [0, 3]])
    content['categories'][0].update({'keypoints': list(NAMES), **category})
    return content


def _two_categories() -> dict:
    content = _content()
    content['categories'].append(
        dict(id=7, name='car', supercategory='', keypoints=['front', 'rear'], skeleton=[[1, 2]])
    )
    for i in range(2):
        car = copy.deepcopy(content['annotations'][i])
        car.update(id=50 + i, category_id=7, keypoints=[5, 6, 2, 20, 8, 1], num_keypoints=2)
        content['annotations'].append(car)
    return content


def _load(root, content=None, **arguments) -> CocoKeypointDataset:
    write_coco(root, _content() if content is None else content)
    return DATASETS.build(
        dict(
            type='CocoKeypointDataset',
            ann_file='ann.json',
            data_root=str(root),
            data_prefix=dict(img='images'),
            serialize_data=False,
            **arguments,
        )
    )


@pytest.fixture
def logged(monkeypatch) -> list[str]:
    messages = []
    monkeypatch.setattr(coco_keypoint_dataset, 'print_log', lambda text, **_: messages.append(text))
    return messages


# --- metainfo ------------------------------------------------------------------------------


def test_metainfo(tmp_path, logged):
    info = _load(tmp_path).metainfo
    assert info['dataset_name'] == 'thing'
    assert info['keypoint_id2name'] == dict(enumerate(NAMES))
    assert info['skeleton_links'] == [(0, 1), (0, 2), (0, 3)]
    assert info['flip_indices'] == [0, 2, 1, 3]
    assert info['dataset_keypoint_weights'].tolist() == [1] * 4
    assert set(info['sigmas'].tolist()) == {np.float32(0.05)}
    assert logged == []


def test_skeleton_from_one(tmp_path):
    assert _load(tmp_path, _content(skeleton=[[1, 2], [1, 4]])).metainfo['skeleton_links'] == [
        (0, 1),
        (0, 3),
    ]


@pytest.mark.parametrize(('base', 'link'), [(0, (1, 2)), (1, (0, 1))])
def test_skeleton_that_fits_both_follows_the_file(tmp_path, base, link):
    content = _content(skeleton=[[1, 2]])
    content['info'] = dict(skeleton_base=base)
    assert _load(tmp_path, content).metainfo['skeleton_links'] == [link]


def test_no_skeleton(tmp_path):
    content = _content()
    del content['categories'][0]['skeleton']
    assert _load(tmp_path, content).metainfo['skeleton_links'] == []


def test_stated_pairs_replace_those_of_the_names(tmp_path, logged):
    assert _load(tmp_path, _content(flip_pairs=[[3, 0]])).metainfo['flip_indices'] == [3, 1, 2, 0]
    assert _load(tmp_path, _content(flip_pairs=[])).metainfo['flip_indices'] == [0, 1, 2, 3]
    assert _load(tmp_path, _content(flip_pairs=None)).metainfo['flip_indices'] == [0, 2, 1, 3]
    assert logged == []


def test_side_without_counterpart_is_reported(tmp_path, logged):
    content = _content()
    content['categories'][0]['keypoints'] = ['nose', 'left_ear', 'right_eye', 'chin']
    assert _load(tmp_path, content).metainfo['flip_indices'] == [0, 1, 2, 3]
    assert len(logged) == 1
    assert 'ann.json: left_ear, right_eye: no keypoint of the other side' in logged[0]
    content['categories'][0]['flip_pairs'] = [[1, 2]]
    assert _load(tmp_path, content).metainfo['flip_indices'] == [0, 2, 1, 3]
    assert len(logged) == 1


def test_lazy(tmp_path):
    lazy = _load(tmp_path, lazy_init=True)
    assert lazy.metainfo['num_keypoints'] == 4
    assert len(lazy) == 2


@pytest.mark.parametrize('species', ['cattle', 'horse', 'sheep'])
def test_livestock_reads_as_its_own_class(kpt_data, species):
    arguments = dict(
        ann_file=f'annotations/{species}_val.json',
        data_root=str(kpt_data / 'livestock'),
        data_prefix=dict(img='images'),
    )
    own, read = LivestockDataset(**arguments), CocoKeypointDataset(**arguments)
    for key in ('keypoint_id2name', 'flip_indices', 'skeleton_links', 'num_keypoints'):
        assert own.metainfo[key] == read.metainfo[key], key
    assert read.metainfo['dataset_name'] == species
    assert len(own) == len(read) > 0
    assert np.array_equal(own[5]['keypoints'], read[5]['keypoints'])


# --- records and categories -----------------------------------------------------------------


@pytest.mark.parametrize('category', ['thing', 1])
def test_chosen_category(tmp_path, category):
    dataset = _load(tmp_path, _two_categories(), category=category)
    assert dataset.metainfo['num_keypoints'] == 4
    assert [dataset[i]['id'] for i in range(len(dataset))] == [1, 2]


@pytest.mark.parametrize('category', ['car', 7])
def test_other_category(tmp_path, category):
    dataset = _load(tmp_path, _two_categories(), category=category)
    assert dataset.metainfo['skeleton_links'] == [(0, 1)]
    assert [dataset[i]['id'] for i in range(len(dataset))] == [50, 51]
    assert dataset[1]['keypoints'].tolist() == [[[5, 6], [20, 8]]]
    assert dataset[1]['keypoints_visible'].tolist() == [[1, 1]]


def test_category_without_annotations(tmp_path):
    content = _two_categories()
    del content['annotations'][:2]
    assert _load(tmp_path, content, category=1, lazy_init=True).metainfo['num_keypoints'] == 4
    with pytest.raises(ValueError, match='ann.json: no usable instance'):
        _load(tmp_path, content, category=1)


def _renamed(**first) -> dict:
    content = _two_categories()
    content['categories'][0].update(first)
    return content


@pytest.mark.parametrize(
    ('content', 'arguments', 'message'),
    [
        (_two_categories(), {}, r'2 categories: set category .* of 1 \(thing\), 7 \(car\)'),
        (_two_categories(), dict(category='cow'), r"category='cow': no such category, there are 1"),
        (_two_categories(), dict(category=2), r'category=2: no such category, there are 1'),
        (_two_categories(), dict(category='7'), r"category='7': no such category"),
        (_renamed(name='car'), dict(category='car'), 'name of several; give one of the ids 1, 7'),
        (_content(keypoints=[]), {}, r'category 1 \(thing\): keypoints: \[\], expected the names'),
        (_content(keypoints=['a', 'b', '', 'd']), {}, 'expected the names of its keypoints'),
        (_content(keypoints=['a', 'b']), {}, '2 names, but its annotations have 4 keypoints'),
        (_content(keypoints=['a', 'b', 'a', 'd']), {}, 'keypoints: a more than once'),
        (_content(skeleton=[[0, 4]]), {}, r'category 1 \(thing\): skeleton holds both index 0'),
        (_content(skeleton=[[0, 9]]), {}, 'skeleton index 9 is out of range'),
        (_content(flip_pairs=[[1, 4]]), {}, 'flip_pairs: index 4, expected 0 to 3'),
        (_content(flip_pairs=[[1, 2], [2, 3]]), {}, 'flip_pairs: keypoint 2 more than once'),
        (_content(flip_pairs=[[1, 1]]), {}, 'flip_pairs: keypoint 1 more than once'),
        (_content(flip_pairs=[[1]]), {}, 'flip_pairs, read like a skeleton'),
        (_content(), dict(metainfo=dict()), 'metainfo: CocoKeypointDataset takes it from'),
        (
            _two_categories(),
            dict(category='car', bbox_file='boxes.json', test_mode=True),
            "bbox_file='boxes.json': MMPose reads detections of category id 1 only, .* id 7",
        ),
    ],
)
def test_refused(tmp_path, content, arguments, message):
    with pytest.raises(ValueError, match=message):
        _load(tmp_path, content, **arguments)


def test_messages_name_the_file(tmp_path):
    with pytest.raises(ValueError, match=r'ann.json: category 1 \(thing\): keypoints'):
        _load(tmp_path, _content(keypoints=[]))
    with pytest.raises(ValueError, match='ann.json: top level: not a COCO-like annotation file'):
        _load(tmp_path, dict(images=[]) | dict(annotations=[], categories={}))


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='other.json: there is no such annotation file'):
        CocoKeypointDataset('other.json', data_root=str(tmp_path))
    write_coco(tmp_path, _content(), images=False)
    with pytest.raises(FileNotFoundError, match='2 of 2 images are missing'):
        CocoKeypointDataset('ann.json', str(tmp_path), dict(img='images'))
    with pytest.raises(FileNotFoundError, match='pictures: there is no such image directory'):
        CocoKeypointDataset('ann.json', str(tmp_path), dict(img='pictures'))
