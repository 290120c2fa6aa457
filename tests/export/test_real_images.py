"""Parity of PyTorch and ONNX on photos, with the shipped small configs and their own pipelines."""

import numpy as np
import pytest

from kpt_plugins.apis.model_loading import build_dataset
from kpt_plugins.apis.run_config import load_config
from tests import tiny_exports as tiny

from .test_few_shot_graphs import run, supports

pytestmark = pytest.mark.slow

pytest.importorskip('onnxscript')
pytest.importorskip('onnxruntime')

IMAGES = 12


def spread_items(dataset, number=IMAGES):
    return [dataset[i] for i in np.linspace(0, len(dataset) - 1, number).astype(int)]


@pytest.mark.parametrize(
    'name, data',
    [
        ('coke_livestock_cattle', 'livestock'),
        ('coke_livestock_cattle_simplebaseline', 'livestock'),
        ('benchmarks/configs/weakshot_minicape.py', 'minicape'),
    ],
)
def test_one_graph(exported, kpt_data, monkeypatch, name, data):
    monkeypatch.setenv('KPT_DATA_ROOT', str(kpt_data))
    cfg = load_config(name)
    model, _, (session,) = exported(name.replace('/', '_'), cfg)
    items = spread_items(build_dataset(cfg, 'test'))
    inputs = dict(images=tiny.normalised([item['inputs'] for item in items]))
    if 'boxes' in [i.name for i in session.get_inputs()]:
        inputs['boxes'] = np.stack([item['data_samples'].input_box for item in items])
    keypoints, scores = session.run(None, inputs)
    expected, expected_scores = tiny.predicted(model, items)
    print(f'{name}: {np.abs(keypoints - expected).max():.1e} px')
    assert expected.std(axis=0).max() > 1  # images have keypoints of their own
    np.testing.assert_allclose(keypoints, expected, atol=1e-3)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('shots', [1, 3])
def test_few_shot(exported, kpt_data, shots):
    cfg = tiny.episode_config(num_keypoints=40)
    cfg.test_dataloader.dataset.update(num_shots=shots, num_episodes=2, num_queries=3)
    cfg.test_dataloader.dataset.test_mode = True
    cfg.test_dataloader.dataset.dataset.update(
        data_root=str(kpt_data / 'minicape'),
        ann_file='annotations/minicape_test.json',
        data_prefix=dict(img='images'),
        test_mode=True,
    )
    model, _, sessions = exported('few_shot_40', cfg)
    for item in spread_items(build_dataset(cfg, 'test'), 6):
        sample = item['data_samples']
        keypoints, scores = run(sessions, supports(item, sample.episode), item['inputs'][-1:])
        (found,) = tiny.predict_items(model, [item])
        meta, number = found.metainfo, found.metainfo['num_keypoints']
        matrix = meta['crop_to_image']
        expected = found.pred_instances.keypoints[0] - matrix[:, 2]
        expected = expected @ np.linalg.inv(matrix[:, :2]).T
        print(f'few-shot: {np.abs(keypoints[0, :number] - expected).max():.1e} px')
        np.testing.assert_allclose(keypoints[0, :number], expected, atol=1e-3)
        np.testing.assert_allclose(
            scores[0, :number], found.pred_instances.keypoint_scores[0], atol=1e-4
        )
