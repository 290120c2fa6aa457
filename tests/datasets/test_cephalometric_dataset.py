"""CephalometricDataset: 38 named landmarks, and the size of a pixel up to the metric."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.registry import DATASETS

from kpt_plugins.datasets.cephalometric_dataset import LANDMARKS, CephalometricDataset
from kpt_plugins.datasets.keypoint_step_dataset import KeypointStepDataset
from kpt_plugins.evaluation import IncrementalKeypointMetric
from tests.helpers import coco_file, write_coco

STEPS = [LANDMARKS[5:9], LANDMARKS[:2]]
PIPELINE = [
    dict(type='mmpose.LoadImage'),
    dict(type='mmpose.GetBBoxCenterScale'),
    dict(type='mmpose.TopdownAffine', input_size=(64, 64)),
    dict(type='mmpose.PackPoseInputs'),
]


def _content(image_spacings=(0.1, 0.125), annotation_spacings=(None, None)) -> dict:
    content = coco_file(num_keypoints=38, skeleton=[], num_images=len(image_spacings))
    for section, spacings in (('images', image_spacings), ('annotations', annotation_spacings)):
        for value, spacing in zip(content[section], spacings, strict=True):
            if spacing is not None:
                value['spacing'] = spacing
    return content


def _config(root, **arguments) -> dict:
    return dict(
        type='CephalometricDataset',
        ann_file='ann.json',
        data_root=str(root),
        data_prefix=dict(img='images'),
        **arguments,
    )


def _load(root, content, **arguments) -> CephalometricDataset:
    write_coco(root, content)
    return DATASETS.build(_config(root, **arguments))


def test_metainfo():
    info = CephalometricDataset(lazy_init=True).metainfo
    assert info['dataset_name'] == 'cephalometric'
    assert info['num_keypoints'] == len(set(LANDMARKS)) == 38
    assert info['flip_indices'] == list(range(38)) and info['flip_pairs'] == []
    # Numbers of the challenge, from 1.
    numbers = {name: index + 1 for index, name in info['keypoint_id2name'].items()}
    known = dict(sella=1, nasion=2, gonion=10, articulare=19, d_point=20, condylion=25)
    known.update(bolton=29, glabella=34, upper_molar=37, lower_molar=38)
    assert {name: numbers[name] for name in known} == known
    colors = info['keypoint_colors']
    kinds = [colors[numbers[name] - 1].tolist() for name in ('sella', 'lower_molar', 'upper_lip')]
    assert kinds == [[51, 153, 255], [0, 255, 0], [255, 128, 0]]


def test_spacing_of_image_or_annotation(tmp_path):
    dataset = _load(tmp_path, _content((0.1, 0.125, None), (None, 0.09, 1)))
    assert [record['spacing'] for record in dataset] == [0.1, 0.09, 1.0]
    assert [record['raw_ann_info']['spacing'] for record in dataset] == [0.1, 0.09, 1.0]
    assert dataset[0]['keypoints'].shape == (1, 38, 2)


@pytest.mark.parametrize(
    ('spacing', 'found'),
    [
        (None, 'missing'),
        ('0.1', "'0.1'"),
        (0, '0'),
        (-0.1, '-0.1'),
        (float('nan'), 'nan'),
        (True, 'True'),
    ],
)
def test_wrong_spacing(tmp_path, spacing, found):
    message = rf'ann\.json: annotation 2, image 1\.png: spacing: {found}, expected .* in mm'
    with pytest.raises(ValueError, match=message):
        _load(tmp_path, _content((0.1, spacing)))


def test_other_number_of_landmarks(tmp_path):
    content = _content()
    content['annotations'][1]['keypoints'] = content['annotations'][1]['keypoints'][:57]
    with pytest.raises(ValueError, match='annotation 2: .*57 values, expected 114'):
        _load(tmp_path, content)


def test_annotations_without_box_are_left_out(tmp_path):
    content = _content()
    del content['annotations'][0]['bbox']
    assert [record['img_id'] for record in _load(tmp_path, content)] == [2]


def test_missing_files(tmp_path):
    write_coco(tmp_path, _content(), images=False)
    for config, what in (
        (_config(tmp_path), 'images/0.png: there is no such image; 2 of 2'),
        (_config(tmp_path) | dict(ann_file='other.json'), 'other.json: .*no such annotation file'),
        (_config(tmp_path) | dict(data_prefix=dict(img='x')), 'x: there is no such image dir'),
    ):
        with pytest.raises(FileNotFoundError, match=f'{what}.*cl-detection2023.*cephalometric_to'):
            DATASETS.build(config)


def _predict(data: dict, distance: float):
    """The data sample as a model leaves it that is off by a distance in x, in pixels."""
    sample = data['data_samples']
    target = sample.gt_instances.keypoints
    sample.pred_instances = InstanceData(keypoints=target + np.float32([distance, 0]))
    return sample


@pytest.mark.parametrize('steps', [False, True])
def test_millimetres_in_the_metric(tmp_path, steps):
    """Through MMPose's packing with its default keys, as it is and cut to steps."""
    content = _content()
    if steps:
        write_coco(tmp_path, content)
        dataset = KeypointStepDataset(
            _config(tmp_path), STEPS, step=1, test_mode=True, pipeline=PIPELINE
        )
    else:
        dataset = _load(tmp_path, content, test_mode=True, pipeline=PIPELINE)
    dataset = pickle.loads(pickle.dumps(dataset))
    evaluator = Evaluator(IncrementalKeypointMetric('mre', spacing='spacing'))
    evaluator.dataset_meta = dataset.metainfo
    # 2.4 mm in the first image, 3 mm in the second.
    evaluator.process([_predict(dataset[k], 24) for k in range(2)])
    scores = evaluator.evaluate(2)
    assert scores['incremental/A'] == pytest.approx(2.7)
    assert scores['incremental/MRE/nasion'] == pytest.approx(2.7)
    rates = [scores[f'incremental/SDR@{t}'] for t in ('2', '2.5', '4')]
    assert rates == pytest.approx([0, 50, 100])
    assert ('incremental/old' in scores) == steps
    assert len([key for key in scores if '/MRE/' in key]) == (6 if steps else 38)
