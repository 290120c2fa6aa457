"""The example says what PyTorch says, and computes padding and references as the package does."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmpose.apis import inference_topdown

from kpt_plugins.datasets.transforms import KeypointPadding, StructuralReferences
from tests import tiny_exports as tiny

pytest.importorskip('onnxruntime')

SCRIPT = Path(__file__).parents[2] / 'examples' / 'onnx_runtime.py'
BOX = [20.0, 12.0, 110.0, 85.0]
LINKS = [[0, 1], [1, 2], [2, 3], [1, 4]]


@pytest.fixture(scope='module')
def example():
    spec = importlib.util.spec_from_file_location('onnx_runtime_example', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def photo(path, seed):
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(256, size=(12, 16, 3), dtype=np.uint8), (128, 96))
    cv2.imwrite(str(path), image)
    return image


def run(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_needs_no_more_than_it_says():
    text = SCRIPT.read_text()
    imported = re.findall(r'^(?:import|from) (\w+)', text, re.MULTILINE)
    assert set(imported) == {'argparse', 'json', 'pathlib', 'cv2', 'numpy', 'onnxruntime'}
    assert len(text.splitlines()) < 200


@pytest.mark.parametrize('mode', ['eqdiv', 'zero'])
@pytest.mark.parametrize('structure', ['skeleton', 'self'])
@pytest.mark.parametrize('legacy', [False, True])
def test_padding_and_references(example, mode, structure, legacy):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        real = int(rng.integers(3, 12))
        points = rng.random((3, real, 2), dtype=np.float32)
        visible = rng.random((3, real)) < 0.7
        links = [[a, int(rng.integers(a))] for a in range(1, real) if rng.random() < 0.8] or [
            [0, 1]
        ]
        item = dict(
            points=points,
            visible=visible,
            links=[np.array(links)] * 3,
            num_keypoints=real,
            meta={},
        )
        item = KeypointPadding(mode=mode, num_keypoints=20, legacy_order=legacy).transform(item)
        item = StructuralReferences(4, structure).transform(item)
        info = dict(
            num_keypoints=20,
            num_references=4,
            padding=mode,
            structure=structure,
            legacy_order=legacy,
        )
        for shot in range(2):
            padded, shown, each = example.pad(points[shot], visible[shot], links, info)
            np.testing.assert_allclose(padded, item['points'][shot], atol=1e-6)
            np.testing.assert_array_equal(shown, item['visible'][shot])
            table = example.references(shown, links, real, each, info)
            np.testing.assert_array_equal(table, item['references'][shot])
        shown = item['visible'][:-1].any(axis=0)
        table = example.references(shown, links, real, each, info)
        np.testing.assert_array_equal(table, item['query_references'])


@pytest.mark.parametrize('name, model', [('CoKe', tiny.COKE), ('heatmap', tiny.HEATMAP)])
def test_detector(tmp_path, name, model):
    pytest.importorskip('onnxscript')
    from kpt_plugins.export import export_model

    cfg = tiny.detector_config(model)
    pack = dict(type='PackPoseInputs', meta_keys=META_KEYS)
    cfg.test_dataloader.dataset.pipeline.append(pack)
    detector = tiny.build(cfg)
    detector.cfg = cfg
    detector.dataset_meta = dict(
        flip_indices=tiny.FLIPS, dataset_name='dots', num_keypoints=4, sigmas=np.ones(4)
    )
    export_model(detector, cfg, tmp_path)
    image = photo(tmp_path / 'query.png', 0)
    found = run(tmp_path, tmp_path / 'query.png', '--box', *BOX, '--draw', tmp_path / 'found.png')
    (expected,) = inference_topdown(detector, image, np.array([BOX], np.float32))
    points = np.array(found['keypoints'])
    np.testing.assert_allclose(points[..., :2], expected.pred_instances.keypoints, atol=2e-3)
    np.testing.assert_allclose(points[..., 2], expected.pred_instances.keypoint_scores, rtol=1e-3)
    assert found['names'] == list(tiny.NAMES) and (tmp_path / 'found.png').is_file()


META_KEYS = (
    *('id', 'img_id', 'img_path', 'category_id', 'ori_shape', 'img_shape', 'input_size'),
    *('input_center', 'input_scale', 'flip', 'flip_direction', 'flip_indices', 'input_box'),
)


@pytest.fixture(scope='module')
def few_shot(tmp_path_factory):
    """Folder of a few-shot model's graphs, and the model's inferencer."""
    pytest.importorskip('onnxscript')
    from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer
    from kpt_plugins.export import export_model

    folder = tmp_path_factory.mktemp('few_shot')
    cfg = tiny.episode_config()
    model = tiny.build(cfg)
    weights = folder / 'weights.pth'
    torch.save(dict(state_dict=model.state_dict(), meta={}), weights)
    export_model(model, cfg, folder / 'exported')
    return folder / 'exported', FewShotInferencer(cfg, weights, device='cpu')


@pytest.mark.slow
@pytest.mark.parametrize('skeleton', [LINKS, None], ids=['skeleton', 'spanning tree'])
def test_few_shot(few_shot, tmp_path, skeleton):
    exported, inferencer = few_shot
    images = [photo(tmp_path / f'{n}.png', n) for n in range(3)]
    rng = np.random.default_rng(0)
    keypoints = [np.c_[rng.uniform(BOX[:2], BOX[2:], (5, 2)), np.ones(5)] for _ in range(2)]
    keypoints[0][[1, 3, 4], 2] = 0  # the tree is that of both supports
    keypoints[1][4, 2] = 0  # which nobody shows
    options, boxes = [], [BOX, [12.0, 8.0, 100.0, 90.0]]
    for number, points in enumerate(keypoints):
        content = dict(keypoints=points.tolist(), skeleton=skeleton, bbox=boxes[number])
        (tmp_path / f'{number}.json').write_text(json.dumps(content))
        options += ['--support', tmp_path / f'{number}.png', tmp_path / f'{number}.json']
    found = run(exported, tmp_path / '2.png', '--box', *BOX, *options)

    support = inferencer.set_support(images[:2], keypoints, skeleton=skeleton, bbox=boxes)
    assert found['skeleton'] == [list(link) for link in support.category.skeleton]
    (expected,) = inferencer.predict(images[2], bbox=[BOX])
    points = np.array(found['keypoints'])[0]
    np.testing.assert_allclose(points[:, :2], expected.instances[0].keypoints, atol=2e-3)
    np.testing.assert_allclose(points[:, 2], expected.instances[0].scores, atol=1e-4)
