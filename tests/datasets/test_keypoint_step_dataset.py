"""KeypointStepDataset: which images and labels a step sees, and that MMPose can run on it."""

from __future__ import annotations

import copy
import json
import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import DATASETS
from mmpose.structures import PoseDataSample

from kpt_plugins.datasets import keypoint_step_dataset
from kpt_plugins.datasets.image_split import split_images
from kpt_plugins.datasets.keypoint_step_dataset import KeypointStepDataset
from tests.helpers import coco_file, write_coco

NAMES = ['nose', 'l_eye', 'r_eye', 'l_ear', 'r_ear', 'chin']
STEPS = [['chin', 'nose'], ['l_ear', 'r_ear'], ['r_eye', 'l_eye']]
ORDER = [5, 0, 3, 4, 2, 1]
NUM_IMAGES = 12
SEED = 0  # one that gives step 1 images with and without labels
HEATMAPS = [
    dict(type='MSRAHeatmap', input_size=(64, 96), heatmap_size=(16, 24), sigma=1),
    dict(type='UDPHeatmap', input_size=(64, 96), heatmap_size=(16, 24), sigma=1),
]


def _metainfo(names=NAMES) -> dict:
    other = {'l_': 'r_', 'r_': 'l_'}
    return dict(
        dataset_name='face',
        keypoint_info={
            i: dict(name=n, id=i, swap=other[n[:2]] + n[2:] if n[:2] in other else '')
            for i, n in enumerate(names)
        },
        skeleton_info={0: dict(link=('nose', 'chin')), 1: dict(link=('l_eye', 'l_ear'))},
        joint_weights=[1.0 + i for i in range(len(names))],
        sigmas=[0.05] * len(names),
    )


def _content() -> dict:
    """12 images; that with id 4 has two instances; a third of them have no label of the ears."""
    content = coco_file(num_keypoints=6, skeleton=[], num_images=NUM_IMAGES)
    content['categories'][0]['keypoints'] = NAMES
    extra = copy.deepcopy(content['annotations'][3])
    moved = [value + (i % 3 < 2) for i, value in enumerate(extra['keypoints'])]
    content['annotations'].append({**extra, 'id': 100, 'bbox': [1, 2, 30, 20], 'keypoints': moved})
    for annotation in content['annotations']:
        if annotation['image_id'] % 3 == 0:
            annotation['keypoints'][9:15] = [0] * 6
            annotation['num_keypoints'] = 4
    return content


@pytest.fixture(autouse=True)
def _scope(monkeypatch):
    """The scope of every config of MMPose."""
    scope = DefaultScope('test_keypoint_steps', scope_name='mmpose')
    monkeypatch.setattr(DefaultScope, 'get_current_instance', lambda: scope)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('step')
    write_coco(root, _content())
    return root


def _source(root, **arguments) -> dict:
    return dict(
        type='CocoDataset',
        ann_file='ann.json',
        data_root=str(root),
        data_prefix=dict(img='images'),
        metainfo=_metainfo(),
        **arguments,
    )


def _load(root, step=1, steps=STEPS, source=None, **arguments) -> KeypointStepDataset:
    arguments.setdefault('serialize_data', False)  # serializing collects garbage, which is slow
    return DATASETS.build(
        dict(
            type='KeypointStepDataset',
            dataset={**_source(root), **(source or {})},
            steps=steps,
            step=step,
            **arguments,
        )
    )


def _image_ids(dataset) -> list[int]:
    return [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]


# --- images --------------------------------------------------------------------------------


def test_steps_share_no_image_and_use_all(root):
    counts = Counter()
    for step in range(3):
        counts.update(set(_image_ids(_load(root, step, steps=[['nose'], ['chin'], ['l_eye']]))))
    assert counts == Counter(range(1, NUM_IMAGES + 1))


def test_instances_of_an_image_stay_together(root):
    steps = [['nose'], ['chin'], ['l_eye']]
    found = [_image_ids(_load(root, step, steps=steps)).count(4) for step in range(3)]
    assert sorted(found) == [0, 0, 2]


def test_same_seed_same_images(root):
    assert _image_ids(_load(root, 2)) == _image_ids(_load(root, 2, hide_old=False))
    others = [_image_ids(_load(root, 2, seed=seed)) for seed in range(4)]
    assert len({tuple(ids) for ids in others}) > 1


def test_seen_images_are_those_of_the_steps(root):
    steps = [['nose'], ['chin'], ['l_eye']]
    each = [set(_image_ids(_load(root, step, steps=steps))) for step in range(3)]
    assert set(_image_ids(_load(root, 1, steps=steps, split='seen'))) == each[0] | each[1]


def test_a_single_image(tmp_path):
    """Too little for parts, but enough for all of them together."""
    content = _content()
    content['images'] = content['images'][:1]
    content['annotations'] = content['annotations'][:1]
    write_coco(tmp_path, content)
    assert len(_load(tmp_path, 1, steps=STEPS[:2], split='seen')) == 1


def test_unlabelled_instances_are_left_out_after_the_split(root):
    part = split_images(range(1, NUM_IMAGES + 1), [1, 1, 1], seed=SEED)[1]
    labelled = {i for i in part if i % 3}
    assert 1 < len(labelled) < len(part)
    assert set(_image_ids(_load(root, 1, seed=SEED))) == labelled


def test_shots_are_the_first_labelled_images(root):
    part = split_images(range(1, NUM_IMAGES + 1), [1, 1, 1], seed=SEED)[1]
    labelled = [i for i in part if i % 3]
    for shots in range(1, len(labelled) + 1):
        dataset = _load(root, 1, shots=shots, seed=SEED)
        assert set(_image_ids(dataset)) == set(labelled[:shots])


def test_test_mode_has_all_instances(root):
    dataset = _load(root, 1, test_mode=True)
    assert len(dataset) == NUM_IMAGES + 1
    assert dataset.get_data_info(0)['keypoints_visible'].tolist() == [[1, 1, 1, 1]]
    assert dataset.get_data_info(2)['keypoints_visible'].tolist() == [[1, 1, 0, 0]]


# --- labels --------------------------------------------------------------------------------


@pytest.mark.parametrize('step', [0, 1, 2])
@pytest.mark.parametrize('hide_old', [True, False])
def test_labels(root, step, hide_old):
    """Against the annotation objects, keypoint by keypoint."""
    raw = {a['id']: a for a in _content()['annotations']}
    dataset = _load(root, step, hide_old=hide_old, split='seen')
    num_old = 2 * step if hide_old else 0
    for index in range(len(dataset)):
        record = dataset.get_data_info(index)
        expected = np.reshape(raw[record['id']]['keypoints'], (6, 3))[ORDER[: 2 * step + 2]]
        expected[:num_old] = 0
        assert np.array_equal(record['keypoints'][0], expected[:, :2])
        assert np.array_equal(record['keypoints_visible'][0], np.minimum(1, expected[:, 2]))
        assert record['raw_ann_info']['keypoints'] == expected.ravel().tolist()
        assert record['raw_ann_info']['num_keypoints'] == (expected[:, 2] > 0).sum()
        assert record['num_keypoints'] == (expected[:, 2] > 0).sum()
        assert record['raw_ann_info']['bbox'] == raw[record['id']]['bbox']
        assert record['img_id'] == raw[record['id']]['image_id']


def test_the_wrapped_records_are_left_alone(root):
    plain = DATASETS.build(_source(root))
    whole = _load(root, 2, hide_old=False, test_mode=True)
    for index in range(len(plain)):
        first, second = plain.get_data_info(index), whole.get_data_info(index)
        assert first.keys() == second.keys()
        for key in ('img_path', 'bbox', 'area', 'bbox_score', 'category_id', 'iscrowd'):
            assert np.array_equal(first[key], second[key])
        assert np.array_equal(first['keypoints'][:, ORDER], second['keypoints'])


def test_metainfo(root):
    dataset = _load(root, 1)
    info = dataset.metainfo
    assert info['keypoint_id2name'] == dict(enumerate(['chin', 'nose', 'l_ear', 'r_ear']))
    assert info['flip_indices'] == [0, 1, 3, 2]
    assert info['skeleton_links'] == [(1, 0)]
    assert info['dataset_keypoint_weights'].tolist() == [6, 1, 4, 5]
    assert info['keypoint_steps'] == STEPS
    assert info['step'] == 1
    assert info['dataset_name'] == 'face_step1'
    lazy = _load(root, 1, lazy_init=True).metainfo
    assert all(np.array_equal(lazy[key], info[key]) for key in lazy)
    record = dataset.get_data_info(0)
    for key in keypoint_step_dataset.METAINFO_KEYS:
        assert np.array_equal(record[key], info[key])


def test_mpii(tmp_path):
    """A dataset without COCO annotation objects."""
    joints = [[10.0 + j, 20.0 + 2 * j] for j in range(16)]
    people = [
        dict(image=f'{i:09}.jpg', center=[50, 60], scale=0.5, joints=joints, joints_vis=[1] * 16)
        for i in range(8)
    ]
    (tmp_path / 'mpii.json').write_text(json.dumps(people))
    dataset = KeypointStepDataset(
        dict(type='MpiiDataset', ann_file='mpii.json', data_root=str(tmp_path)),
        steps=[['pelvis', 'thorax'], ['left_hip', 'right_hip']],
        step=1,
    )
    assert len(dataset) == 4
    assert dataset.metainfo['flip_indices'] == [0, 1, 3, 2]
    record = dataset.get_data_info(0)
    assert record['keypoints'].tolist() == [[[0, 0], [0, 0], joints[3], joints[2]]]
    assert 'raw_ann_info' not in record


# --- flips ---------------------------------------------------------------------------------


@pytest.mark.parametrize('wrapped', [False, True])
def test_flip_without_the_partner(root, wrapped):
    flip = dict(type='RandomFlip')
    if wrapped:
        inner = dict(type='RandomApply', transforms=[flip])
        flip = dict(type='RandomChoice', transforms=[[dict(type='LoadImage')], [inner]])
    steps = [['nose', 'l_eye'], ['chin', 'r_eye']]
    message = r'ann.json, step 0: RandomFlip needs .* l_eye without r_eye'
    with pytest.raises(ValueError, match=message):
        _load(root, 0, steps=steps, pipeline=[flip], lazy_init=True)
    assert _load(root, 0, steps=steps, pipeline=[]).metainfo['flip_indices'] is None
    assert len(_load(root, 0, steps=steps, pipeline=[dict(type='RandomFlip', prob=0.0)])) > 0
    assert len(_load(root, 1, steps=steps, pipeline=[flip])) > 0


def _pipeline(codec: dict, *flips: dict) -> list[dict]:
    return [
        dict(type='LoadImage'),
        dict(type='GetBBoxCenterScale'),
        *flips,
        dict(type='TopdownAffine', input_size=codec['input_size'], use_udp='UDP' in codec['type']),
        dict(type='GenerateTarget', encoder=codec),
        dict(type='PackPoseInputs', pack_transformed=True),
    ]


@pytest.mark.parametrize('codec', HEATMAPS, ids=['msra', 'udp'])
def test_flip_twice_is_identity_through_the_pipeline(root, codec):
    flip = dict(type='RandomFlip', prob=1.0)
    plain = _load(root, 2, pipeline=_pipeline(codec))
    twice = _load(root, 2, pipeline=_pipeline(codec, flip, flip))
    assert len(plain) > 0
    for first, second in zip(plain, twice, strict=True):
        assert torch.equal(first['inputs'], second['inputs'])
        a, b = first['data_samples'], second['data_samples']
        assert torch.allclose(a.gt_fields.heatmaps, b.gt_fields.heatmaps, atol=1e-5)
        assert torch.equal(
            a.gt_instance_labels.keypoint_weights, b.gt_instance_labels.keypoint_weights
        )


@pytest.mark.parametrize('codec', HEATMAPS, ids=['msra', 'udp'])
def test_real_pipeline_flipped(kpt_data, codec):
    """The flipped sample is the plain one mirrored, l_ and r_ exchanged; old heatmaps are empty."""
    steps = [['mouth', 'hip'], ['r_fore_foot', 'neck', 'l_fore_foot'], ['tail']]
    source = dict(
        type='LivestockDataset',
        ann_file='annotations/cattle_train.json',
        data_root=str(kpt_data / 'livestock'),
        data_prefix=dict(img='images'),
    )
    plain, flipped = (
        KeypointStepDataset(source, steps, 1, shots=8, pipeline=_pipeline(codec, *flip))
        for flip in [(), (dict(type='RandomFlip', prob=1.0),)]
    )
    assert len(plain) == 8
    # MMPose's crops without UDP have their centre half a pixel off, so their mirror as well.
    width = 63 if codec['type'] == 'UDPHeatmap' else 64
    for first, second in zip(plain, flipped, strict=True):
        before, after = first['data_samples'], second['data_samples']
        points = before.gt_instances.transformed_keypoints[0, [4, 3, 2]]
        mirrored = after.gt_instances.transformed_keypoints[0, 2:]
        assert mirrored == pytest.approx((width, 0) + points * (-1, 1), abs=1e-3)
        weights = after.gt_instance_labels.keypoint_weights[0]
        assert weights.tolist() == [0, 0, 1, 1, 1]
        heatmaps = after.gt_fields.heatmaps.numpy()
        assert (heatmaps[:2] == 0).all()
        for heatmap, point in zip(heatmaps[2:], mirrored, strict=True):
            y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
            assert np.abs(point / 4 - (x, y)).max() < 1


# --- MMPose and MMEngine --------------------------------------------------------------------


def test_workers_and_runner(root):
    loader = Runner.build_dataloader(
        dict(
            batch_size=2,
            num_workers=2,
            sampler=dict(type='DefaultSampler', shuffle=True),
            dataset=dict(
                type='KeypointStepDataset',
                dataset=_source(root),
                steps=STEPS,
                step=2,
                pipeline=_pipeline(HEATMAPS[0], dict(type='RandomFlip')),
            ),
        ),
        seed=0,
    )
    samples = [sample for batch in loader for sample in batch['data_samples']]
    assert sorted(s.img_id for s in samples) == sorted(_image_ids(_load(root, 2)))
    assert all(tuple(s.gt_fields.heatmaps.shape) == (6, 24, 16) for s in samples)
    assert all('raw_ann_info' in s.metainfo for s in samples)


def test_pickles(root):
    dataset = _load(root, 2, serialize_data=True, pipeline=_pipeline(HEATMAPS[0]))
    other = pickle.loads(pickle.dumps(dataset))
    assert len(other) == len(dataset) > 0
    assert str(other.get_data_info(0)) == str(dataset.get_data_info(0))
    assert torch.equal(other[0]['inputs'], dataset[0]['inputs'])


def test_subset(root):
    dataset = _load(root, 0)
    assert _image_ids(dataset.get_subset(2)) == _image_ids(dataset)[:2]


def test_mixing_transforms_find_the_dataset(root):
    dataset = _load(root, 0, pipeline=[lambda record: record])
    assert dataset[0]['dataset'] is dataset


def test_coco_metric(root):
    """The truth as prediction has AP 1, although the annotation file has more keypoints."""
    dataset = _load(root, 1, test_mode=True, source=dict(test_mode=True))
    evaluator = Evaluator(CocoMetric())
    evaluator.dataset_meta = dataset.metainfo
    for index in range(len(dataset)):
        record = dataset.get_data_info(index)
        sample = PoseDataSample(metainfo={k: record[k] for k in ('id', 'img_id', 'raw_ann_info')})
        sample.set_metainfo(dict(ori_shape=(30, 40), category_id=1))
        truth = dict(bboxes=record['bbox'], bbox_scores=np.ones(1), bbox_scales=np.ones((1, 2)))
        sample.gt_instances = InstanceData(**truth)
        sample.pred_instances = InstanceData(
            keypoints=record['keypoints'], keypoint_scores=np.ones((1, 4)), **truth
        )
        evaluator.process([sample])
    assert evaluator.evaluate(NUM_IMAGES + 1)['coco/AP'] == pytest.approx(1)


# --- errors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(step=3), 'step=3: there are 3 steps'),
        (dict(split='all'), "split='all': expected one of"),
        (dict(shots=0), 'shots=0: expected a number of images'),
        (dict(shots=1.5), 'shots=1.5: expected a number of images'),
        (dict(shots=2, split='seen'), 'shots=2: only for the training images of one step'),
        (dict(shots=2, test_mode=True), 'shots=2: only for the training images'),
        (dict(shares=[1, 2]), r'shares=\[1, 2\]: expected 3 positive numbers'),
        (dict(shares=[1, 2, 0]), r'shares=\[1, 2, 0\]: expected 3 positive'),
        (dict(shares='abc'), "shares='abc': expected 3"),
        (dict(shares=[1, 1, float('inf')]), r'shares=\[1, 1, inf\]: expected 3'),
        (dict(shares=[99, 1, 1]), r'step 1: none of the 12 images is of this step'),
        (dict(steps=[['nose'], ['tail']]), r'steps\[1\]: tail: not among the 6 .* of .*ann.json'),
        (dict(source=dict(pipeline=[dict(type='LoadImage')])), 'dataset.pipeline: give'),
        (dict(source=dict(data_mode='bottomup')), "dataset.data_mode='bottomup': expected topdown"),
        (dict(source=dict(bbox_file='a.json')), "dataset.bbox_file='a.json': detected boxes"),
        (dict(shots=9), r'step 1: expected 9 images with a label of l_ear, r_ear, .* \d among 4'),
    ],
)
def test_wrong_arguments(root, arguments, message):
    with pytest.raises(ValueError, match=message):
        _load(root, **arguments)


def test_dataset_that_is_no_config(root):
    with pytest.raises(ValueError, match='dataset=.*: expected the config of a dataset'):
        KeypointStepDataset(DATASETS.build(_source(root)), STEPS, 0)


def test_dataset_without_keypoint_names(tiny_mp100):
    source = dict(
        type='MP100Dataset',
        ann_file='annotations/mp100_split1_train.json',
        data_root=str(tiny_mp100),
    )
    with pytest.raises(ValueError, match=r'mp100_split1_train.json: the metainfo .* no keypoints'):
        KeypointStepDataset(source, STEPS, 0)


def test_no_label_left(tmp_path):
    content = _content()
    for annotation in content['annotations']:
        annotation['keypoints'][9:15] = [0] * 6
    write_coco(tmp_path, content)
    message = (
        r'ann.json, step 1: expected some images with a label of l_ear, r_ear, there are 0 among 4'
    )
    with pytest.raises(ValueError, match=message):
        _load(tmp_path, 1)


def test_keypoint_without_labels_is_reported(tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr(keypoint_step_dataset, 'print_log', lambda text, **_: messages.append(text))
    content = _content()
    for annotation in content['annotations']:
        annotation['keypoints'][3:6] = [0] * 3
    write_coco(tmp_path, content)
    _load(tmp_path, 2)
    assert len(messages) == 1
    assert 'step 2: no image has a label of l_eye, which' in messages[0]
    _load(tmp_path, 0)
    assert len(messages) == 1
