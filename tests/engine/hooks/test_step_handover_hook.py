import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.apis import MMPoseInferencer

from kpt_plugins import compat
from kpt_plugins.apis import DetectorInferencer
from kpt_plugins.engine.hooks.step_handover_hook import CONFIG_NAME, DETECTOR_NAME
from kpt_plugins.structures.step_manifest import read_manifest, sha256_of
from tests.tiny_steps import NAMES, STEPS, base_model, incremental_model, run_config, write_dots


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_dots(tmp_path_factory.mktemp('steps') / 'data')


@pytest.fixture(scope='module')
def base(root):
    """Folder of a trained base step."""
    folder = root.parent / 'step0'
    Runner.from_cfg(run_config(root, folder, base_model(), 0, epochs=1)).train()
    return folder


@pytest.fixture(scope='module')
def first(root, base):
    """Folder of a trained step 1."""
    folder = root.parent / 'step1'
    model = incremental_model(1, base / DETECTOR_NAME)
    Runner.from_cfg(run_config(root, folder, model, 1)).train()
    return folder


def test_manifests_are_a_chain(base, first):
    start, step = read_manifest(base), read_manifest(first)
    assert (start.step, step.step) == (0, 1)
    assert start.seen_names == start.new_names == STEPS[0] and start.parent_sha256 is None
    assert step.seen_names == STEPS[0] + STEPS[1] and step.new_names == STEPS[1]
    assert step.parent_sha256 == start.sha256 == sha256_of(base / DETECTOR_NAME)
    assert step.sha256 == sha256_of(first / DETECTOR_NAME)
    assert [len(t) for t in step.triplets] == [3] and step.minutes > 0 and step.seed == 0


def test_detector_is_the_student_alone(first):
    content = torch.load(first / DETECTOR_NAME, weights_only=True)
    config = (first / CONFIG_NAME).read_text()
    assert content['meta'] == dict(cfg=config, keypoint_names=list(NAMES[:4]), step=1)
    assert {key.split('.')[0] for key in content['state_dict']} == {'backbone', 'head'}
    saved = torch.load(first / 'epoch_2.pth', weights_only=False)
    assert {key.split('.')[0] for key in saved['state_dict']} == {'backbone', 'head'}


STOCK = """
import sys
class Refuse:
    def find_spec(self, name, *_):
        if name.split('.')[0] == 'kpt_plugins':
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import importlib.util
import torch
config, weights, image, compat = sys.argv[1:]
# MMPose does not import here without compiled operators: that alone is repaired, as on any machine
spec = importlib.util.spec_from_file_location('repairs', compat)
repairs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(repairs)
repairs.repair_torchvision()
repairs.repair_mmcv_ops()
from mmengine.config import Config
from mmpose.apis import MMPoseInferencer, init_model
model = init_model(config, None, 'cpu')
assert type(model).__name__ == 'TopdownPoseEstimator'
assert type(model.head).__name__ == 'HeatmapHead'
model.load_state_dict(torch.load(weights, weights_only=True)['state_dict'], strict=True)
inferencer = MMPoseInferencer(config, weights, det_model='whole_image', device='cpu')
result = next(inferencer(image, return_vis=True))
instance = result['predictions'][0][0]
assert len(instance['keypoints']) == 4, instance
assert inferencer.inferencer.model.dataset_meta['keypoint_id2name'][3] == 'r_hand'
assert not any(name.startswith('kpt_plugins') for name in sys.modules)
print('stock')
"""


def test_detector_loads_in_mmpose_without_this_package(root, first, tmp_path):
    """In a process that cannot import it."""
    script = tmp_path / 'stock.py'
    script.write_text(STOCK)
    command = [sys.executable, script, first / CONFIG_NAME, first / DETECTOR_NAME]
    done = subprocess.run(
        [*command, root / 'images' / '1.png', compat.__file__],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().endswith('stock')


def test_detector_is_used_without_its_config(root, first):
    inferencer = DetectorInferencer(weights=first / DETECTOR_NAME, device='cpu')
    assert inferencer.category.keypoint_names == list(NAMES[:4])
    (result,) = inferencer.predict(root / 'images' / '1.png')
    stock = MMPoseInferencer(
        str(first / CONFIG_NAME), str(first / DETECTOR_NAME), det_model='whole_image', device='cpu'
    )
    (expected,) = next(stock(str(root / 'images' / '1.png')))['predictions'][0]
    np.testing.assert_allclose(result.instances[0].keypoints, expected['keypoints'], atol=0.05)


def test_config_is_mmposes(first):
    cfg = Config.fromfile(first / CONFIG_NAME)
    assert 'kpt_plugins' not in cfg.pretty_text and 'custom_hooks' not in cfg
    assert cfg.model.head.out_channels == 4 and 'teacher' not in cfg.model


def test_resume_restores_ka_net(root, base, first, tmp_path):
    cfg = run_config(root, tmp_path, incremental_model(1, base / DETECTOR_NAME), 1, epochs=3)
    cfg.load_from, cfg.resume = str(first / 'epoch_2.pth'), True
    runner = Runner.from_cfg(cfg)
    runner.train()
    saved = torch.load(first / 'epoch_2.pth', weights_only=False)['incremental']
    for key, value in runner.model.ka_net.state_dict().items():
        assert torch.equal(value, saved['ka_net'][key])
    assert read_manifest(tmp_path).triplets == saved['triplets']
    assert read_manifest(tmp_path).minutes >= round(saved['minutes'], 2)
    assert not (tmp_path / 'association.pth').exists()


def test_resume_with_another_parent_is_refused(root, base, first, tmp_path):
    other = tmp_path / 'other.pth'
    content = torch.load(base / DETECTOR_NAME, weights_only=True)
    torch.save(dict(content, meta={}), other)
    cfg = run_config(root, tmp_path / 'run', incremental_model(1, other), 1, epochs=3)
    cfg.load_from, cfg.resume = str(first / 'epoch_2.pth'), True
    with pytest.raises(ValueError, match='trained from an old detector with sha256'):
        Runner.from_cfg(cfg).train()


def test_wrong_parent_is_refused_before_training(root, first, tmp_path):
    """Step 1 from step 1's detector."""
    cfg = run_config(root, tmp_path, incremental_model(1, first / DETECTOR_NAME), 1)
    with pytest.raises(ValueError, match='cannot be the parent of this step'):
        Runner.from_cfg(cfg).train()


def test_transforms_of_ours_cannot_be_exported(root, base, tmp_path):
    cfg = run_config(root, tmp_path, incremental_model(1, base / DETECTOR_NAME), 1, epochs=1)
    cfg.test_dataloader.dataset.pipeline.insert(1, dict(type='RandomScaleRotation'))
    with pytest.raises(ValueError, match='RandomScaleRotation, which MMPose does not'):
        Runner.from_cfg(cfg).train()


def test_a_step_without_its_importances_is_not_done(root, tmp_path, monkeypatch):
    """Killed while they are computed, after the training: there is no manifest yet."""
    cfg = run_config(root, tmp_path, base_model(), 0, epochs=1)
    cfg.custom_hooks.append(dict(type='ParameterImportanceHook', num_batches=1))

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(
        'kpt_plugins.engine.hooks.parameter_importance_hook.save_importance', killed
    )
    with pytest.raises(KeyboardInterrupt):
        Runner.from_cfg(cfg).train()
    assert read_manifest(tmp_path) is None
