"""Detectors' graphs say what the models' own predict says."""

import numpy as np
import pytest

from kpt_plugins.export.detector_graphs import CoKeGraph, HeatmapGraph
from tests import tiny_exports as tiny

pytest.importorskip('onnxscript')
pytest.importorskip('onnxruntime')

DETECTORS = dict(heatmap=tiny.HEATMAP, KAMP=tiny.KAMP, CoKe=tiny.COKE)


def run(session, items):
    inputs = dict(images=tiny.normalised([item['inputs'] for item in items]))
    if 'boxes' in [i.name for i in session.get_inputs()]:
        inputs['boxes'] = np.stack([item['data_samples'].input_box for item in items])
    return session.run(None, inputs)


@pytest.mark.parametrize('name', DETECTORS)
def test_same_as_predict_for_any_batch(exported, name):
    cfg = tiny.detector_config(DETECTORS[name])
    model, description, (session,) = exported(name, cfg)
    for number in (1, 5):
        items = tiny.random_items(number, seed=number)
        expected, expected_scores = tiny.predicted(model, items)
        keypoints, scores = run(session, items)
        assert keypoints.shape == (number, 4, 2)
        np.testing.assert_allclose(keypoints, expected, atol=1e-3)
        np.testing.assert_allclose(scores, expected_scores, rtol=1e-4, atol=1e-5)
    assert description['flip_test'] is model.test_cfg['flip_test']
    assert description['keypoint_names'] == list(tiny.NAMES)
    assert description['skeleton'] == [[0, 1]] and description['flip_indices'] == tiny.FLIPS


def test_boxes_matter(exported):
    _, description, (session,) = exported('CoKe', tiny.detector_config(tiny.COKE))
    items = tiny.random_items(3)
    assert description['boxes']
    before = run(session, items)[0]
    for item in items:
        item['data_samples'].set_field(
            np.float32([[4, 4], [16, 4], [16, 16], [4, 16]]), 'input_box', field_type='metainfo'
        )
    after = run(session, items)[0]
    assert (before != after).any() and (after > -1).all() and (after < 20).all()


def test_prompts(exported):
    model, description, (session,) = exported('prompts', tiny.detector_config(tiny.PROMPTS))
    for number in (1, 4):
        items = tiny.random_items(number)
        expected, expected_scores = tiny.predicted(model, items)
        keypoints, scores = run(session, items)
        assert keypoints.shape == (number, 6, 2)
        np.testing.assert_allclose(keypoints, expected, atol=1e-3)
        np.testing.assert_allclose(scores, expected_scores, atol=1e-5)
    assert description['categories'] == {'7': [2, -1, 5]}


def test_coke_of_several_categories():
    head = dict(tiny.COKE['head'], num_classes=2)
    model = tiny.build_model(tiny.detector_config(dict(tiny.COKE, head=head)))
    with pytest.raises(ValueError, match='num_classes=2'):
        CoKeGraph(model)


def test_head_that_predicts_otherwise():
    model = tiny.build_model(tiny.detector_config(tiny.HEATMAP))
    model.head = type('OtherHead', (type(model.head),), dict(predict=lambda self: None))(
        16, 4, decoder=tiny.HEATMAP['head']['decoder']
    )
    with pytest.raises(ValueError, match='OtherHead'):
        HeatmapGraph(model)
