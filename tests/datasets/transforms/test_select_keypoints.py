"""SelectKeypoints: everything that counts keypoints follows, and flips stay right."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmpose.registry import TRANSFORMS

from kpt_plugins.datasets.livestock_dataset import LivestockDataset
from kpt_plugins.datasets.transforms import SelectKeypoints

NAMES = ['nose', 'l_eye', 'r_eye', 'l_ear', 'r_ear', 'chin']
FLIPS = [0, 2, 1, 4, 3, 5]


def _record() -> dict:
    rng = np.random.default_rng(0)
    visible = np.float32([[1, 1, 0, 1, 1, 1]])
    points = rng.integers(4, 120, (1, 6, 2)).astype(np.float32) / 4  # so that flips are exact
    flat = np.concatenate([points[0], 2 * visible[0, :, None]], axis=1).ravel().tolist()
    return dict(
        img=rng.integers(0, 256, (40, 50, 3)).astype(np.uint8),
        img_shape=(40, 50),
        keypoints=points,
        keypoints_visible=visible,
        num_keypoints=5,
        flip_indices=list(FLIPS),
        flip_pairs=[(2, 1), (1, 2), (4, 3), (3, 4)],
        upper_body_ids=[0, 1, 2, 3, 4],
        lower_body_ids=[5],
        skeleton_links=[(0, 1), (0, 2), (1, 3), (5, 0)],
        dataset_keypoint_weights=np.arange(6, dtype=np.float32),
        sigmas=np.arange(6, dtype=np.float32) / 10,
        raw_ann_info=dict(id=1, keypoints=flat, num_keypoints=5),
        keypoint_names=list(NAMES),
    )


def test_every_field():
    record = _record()
    before = copy.deepcopy(record)
    result = SelectKeypoints(names=['r_ear', 'chin', 'nose', 'l_ear'])(record)
    order = [4, 5, 0, 3]
    assert np.array_equal(result['keypoints'], before['keypoints'][:, order])
    assert np.array_equal(result['keypoints_visible'], before['keypoints_visible'][:, order])
    assert result['num_keypoints'] == 4
    assert result['flip_indices'] == [3, 1, 2, 0]
    assert sorted(result['flip_pairs']) == [(0, 3), (3, 0)]
    assert result['upper_body_ids'] == [0, 2, 3]
    assert result['lower_body_ids'] == [1]
    assert result['skeleton_links'] == [(1, 2)]
    assert result['dataset_keypoint_weights'].tolist() == order
    assert result['sigmas'].tolist() == before['sigmas'][order].tolist()
    raw = np.reshape(result['raw_ann_info']['keypoints'], (4, 3))
    assert np.array_equal(raw, np.reshape(before['raw_ann_info']['keypoints'], (6, 3))[order])
    assert result['raw_ann_info']['num_keypoints'] == 4
    assert result['keypoint_names'] == ['r_ear', 'chin', 'nose', 'l_ear']
    assert result['img'] is record['img']


def test_names_equal_indices():
    by_name = SelectKeypoints(names=['l_eye', 'chin', 'r_eye'])(_record())
    by_index = SelectKeypoints(indices=[1, 5, 2])(_record())
    assert by_name.keys() == by_index.keys()
    assert {k: str(v) for k, v in by_name.items()} == {k: str(v) for k, v in by_index.items()}


def test_names_of_the_dataset():
    record = _record()
    del record['keypoint_names']
    info = dict(keypoint_id2name=dict(enumerate(NAMES)), num_keypoints=6)
    record['dataset'] = SimpleNamespace(metainfo=info)
    result = SelectKeypoints(names=['chin', 'l_ear', 'r_ear'])(record)
    again = SelectKeypoints(names=['r_ear', 'l_ear'])(result)
    assert np.array_equal(again['keypoints'], _record()['keypoints'][:, [4, 3]])
    assert again['flip_indices'] == [1, 0]


def test_flip_twice_is_identity():
    flip = TRANSFORMS.build(dict(type='RandomFlip', prob=1.0))
    select = SelectKeypoints(indices=[5, 2, 0, 1])
    once = select(_record())
    twice = flip(flip(select(_record())))
    for key in ('img', 'keypoints', 'keypoints_visible'):
        assert np.array_equal(twice[key], once[key]), key


def test_selecting_and_flipping_can_be_exchanged():
    flip = TRANSFORMS.build(dict(type='RandomFlip', prob=1.0))
    select = SelectKeypoints(indices=[5, 2, 0, 1])
    first, last = flip(select(_record())), select(flip(_record()))
    for key in ('img', 'keypoints', 'keypoints_visible'):
        assert np.array_equal(first[key], last[key]), key


def test_partner_missing():
    with pytest.raises(ValueError, match='keypoint l_eye without r_eye, r_ear without l_ear: '):
        SelectKeypoints(names=['l_eye', 'nose', 'r_ear'])(_record())
    record = _record()
    del record['keypoint_names']
    with pytest.raises(ValueError, match='keypoint 1 without 2: flipping'):
        SelectKeypoints(indices=[1, 0])(record)
    result = SelectKeypoints(indices=[1, 0], flip=False)(_record())
    assert result['flip_indices'] is None
    assert result['flip_pairs'] == []
    assert np.array_equal(result['keypoints'], _record()['keypoints'][:, [1, 0]])


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(), 'names=None, indices=None: expected exactly one'),
        (dict(names=['a'], indices=[1]), 'expected exactly one'),
        (dict(names='nose'), "names='nose': expected a list of keypoint names"),
        (dict(names=[1]), r'names=\[1\]: expected a list'),
        (dict(indices=[]), r'indices=\[\]: expected a list of keypoint indices'),
        (dict(indices=3), 'indices=3: expected a list'),
        (dict(indices=[1, 2, 1]), 'keypoint 1: given more than once'),
        (dict(names=['a', 'b', 'a']), 'keypoint a: given more than once'),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SelectKeypoints(**arguments)


def test_keypoints_that_the_record_does_not_have():
    with pytest.raises(ValueError, match='keypoint tail: not among the 6 of the record: nose, l_'):
        SelectKeypoints(names=['tail'])(_record())
    with pytest.raises(ValueError, match=r'indices \[6, -1\]: the record has 6 keypoints'):
        SelectKeypoints(indices=[0, 6, -1])(_record())
    record = _record()
    del record['keypoint_names']
    with pytest.raises(ValueError, match='the record names no keypoints'):
        SelectKeypoints(names=['nose'])(record)


def test_after_the_targets():
    with pytest.raises(ValueError, match='before GenerateTarget: heatmaps are there'):
        SelectKeypoints(indices=[0])(dict(_record(), heatmaps=np.zeros((6, 8, 8))))


def test_registered():
    built = TRANSFORMS.build(dict(type='SelectKeypoints', names=['nose']))
    assert repr(built) == "SelectKeypoints(names=('nose',), indices=None, flip=True)"


def test_in_the_pipeline_of_a_dataset(kpt_data):
    """Heatmaps of the chosen keypoints are those that the whole set has for them."""
    names = ['tail', 'r_hind_foot', 'l_hind_foot', 'eye']
    codec = dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=1)
    rest = [
        dict(type='mmpose.LoadImage'),
        dict(type='mmpose.GetBBoxCenterScale'),
        dict(type='mmpose.RandomFlip', prob=1.0),
        dict(type='mmpose.TopdownAffine', input_size=(64, 64)),
        dict(type='mmpose.GenerateTarget', encoder=codec),
        dict(type='mmpose.PackPoseInputs'),
    ]
    whole, chosen = (
        LivestockDataset(
            ann_file='annotations/cattle_val.json',
            data_root=str(kpt_data / 'livestock'),
            data_prefix=dict(img='images'),
            pipeline=pipeline,
        )
        for pipeline in (rest, [SelectKeypoints(names=names), *rest])
    )
    indices = [whole.metainfo['keypoint_name2id'][name] for name in names]
    for number in range(5):
        first = whole[number]['data_samples'].gt_fields.heatmaps[indices]
        second = chosen[number]['data_samples'].gt_fields.heatmaps
        assert torch.equal(first, second) and (first.flatten(1).amax(dim=1) > 0.5).any()
