"""Boxes of an MMDetection model."""

import sys

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from kpt_plugins.apis.instance_detector import InstanceDetector

IMAGE = np.zeros((100, 200, 3), np.uint8)

# A detector of random weights that finds something everywhere.
CONFIG = """
default_scope = 'mmdet'
model = dict(
    type='RetinaNet',
    data_preprocessor=dict(
        type='DetDataPreprocessor', mean=[127.5] * 3, std=[64.0] * 3, pad_size_divisor=32
    ),
    backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4),
    neck=dict(type='FPN', in_channels=[4, 8, 16, 32], out_channels=8, num_outs=5),
    bbox_head=dict(
        type='RetinaHead',
        num_classes=2,
        in_channels=8,
        stacked_convs=1,
        feat_channels=8,
        anchor_generator=dict(
            type='AnchorGenerator', octave_base_scale=4, scales_per_octave=1, ratios=[1.0],
            strides=[8, 16, 32, 64, 128],
        ),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
    ),
    test_cfg=dict(
        nms_pre=100, min_bbox_size=0, score_thr=0.0, nms=dict(type='nms', iou_threshold=0.5),
        max_per_img=10,
    ),
)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(64, 64), keep_ratio=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'ori_shape', 'img_shape', 'scale_factor')),
]
test_dataloader = dict(dataset=dict(type='CocoDataset', pipeline=test_pipeline))
visualizer = dict(type='DetLocalVisualizer', name='detector_of_a_test')
"""


def detector(boxes, scores, labels, **options):
    """One whose MMDetection model says what it is told."""
    found = InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        scores=torch.tensor(scores, dtype=torch.float32),
        labels=torch.tensor(labels, dtype=torch.int64),
    )
    one = InstanceDetector.__new__(InstanceDetector)
    one.detector = lambda image, return_datasamples: dict(
        predictions=[type('Sample', (), dict(pred_instances=found))]
    )
    one.category_ids = np.atleast_1d(options.get('category_ids', []))
    one.bbox_thr, one.nms_thr = 0.3, 0.3
    return one


BOXES = [[0, 0, 50, 50], [100, 20, 150, 80], [102, 21, 151, 80], [10, 10, 30, 30]]


def test_thresholds_overlaps_and_order():
    boxes, scores = detector(BOXES, [0.5, 0.8, 0.9, 0.2], [0, 1, 1, 0])(IMAGE)
    assert boxes.tolist() == [BOXES[2], BOXES[0]]
    np.testing.assert_allclose(scores, [0.9, 0.5])


@pytest.mark.parametrize(('ids', 'expected'), [(0, [0]), ([1], [2]), ([0, 1], [2, 0]), (7, [])])
def test_categories(ids, expected):
    find = detector(BOXES, [0.5, 0.8, 0.9, 0.2], [0, 1, 1, 0], category_ids=ids)
    assert find(IMAGE)[0].tolist() == [BOXES[i] for i in expected]


def test_nothing_and_boxes_without_a_size():
    boxes, scores = detector([], [], [])(IMAGE)
    assert boxes.shape == (0, 4) and scores.shape == (0,)
    bad = [[5, 5, 5, 9], [300, 5, 400, 9], [-9, -9, 0, 0]]
    assert detector(bad, [0.9] * 3, [0] * 3)(IMAGE)[0].shape == (0, 4)


def test_with_mmdetection(tmp_path):
    pytest.importorskip('mmdet')
    path = tmp_path / 'tiny.py'
    path.write_text(CONFIG)
    torch.manual_seed(0)
    DefaultScope.get_instance('scope_of_a_test', scope_name='mmpose')
    find = InstanceDetector(path, device='cpu', bbox_thr=0.0, nms_thr=0.5)
    assert DefaultScope.get_current_instance().scope_name == 'mmpose'
    boxes, scores = find(np.random.default_rng(0).integers(256, size=(100, 200, 3), dtype=np.uint8))
    assert boxes.shape[1] == 4 and 0 < len(boxes) == len(scores)
    assert (scores[:-1] >= scores[1:]).all() and (boxes >= 0).all()
    assert (boxes <= [200, 100, 200, 100]).all()


def test_an_unknown_model_is_named():
    pytest.importorskip('mmdet')
    with pytest.raises(ValueError, match="det_model 'nonsense': "):
        InstanceDetector('nonsense', device='cpu')


def test_without_mmdetection(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmdet.apis', None)
    with pytest.raises(ImportError, match='det_model needs MMDetection'):
        InstanceDetector('rtmdet')
