"""Every shipped KAMP config builds its model and its datasets, here on small drawn data."""

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from kpt_plugins.apis import shipped_configs
from kpt_plugins.apis.incremental import plan_steps
from kpt_plugins.apis.model_loading import build_dataset, build_model
from kpt_plugins.apis.run_config import load_config, walk_dicts
from kpt_plugins.datasets.livestock_dataset import NAMES
from kpt_plugins.models.pose_estimators import IncrementalPoseEstimator
from kpt_plugins.structures.keypoint_steps import KeypointSteps
from tests.helpers import coco_file, write_json

CONFIGS = {name: path for name, path in shipped_configs().items() if name.startswith('ikl_')}
PROTOCOLS = [name for name, path in CONFIGS.items() if 'base_config' in Config.fromfile(path)]
PROTOCOLS = [name for name in PROTOCOLS if '_step' not in name]


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    """A root with every data set that the configs name."""
    root = tmp_path_factory.mktemp('data')
    for part in ('train', 'test'):
        content = coco_file(len(NAMES), num_images=8)
        content['categories'][0]['keypoints'] = list(NAMES)
        write_json(root / 'livestock' / 'annotations' / f'cattle_{part}.json', content)
    (root / 'livestock' / 'images').mkdir()
    for image in content['images']:
        path = root / 'livestock' / 'images' / image['file_name']
        cv2.imwrite(str(path), np.full((30, 40, 3), 90, np.uint8))
    return root


def load(path, data_root, monkeypatch, options=None) -> Config:
    monkeypatch.setenv('KPT_DATA_ROOT', str(data_root))
    cfg = load_config(path, options)
    for part in walk_dicts(cfg.model):
        part.pop('init_cfg', None)  # pretrained weights would be downloaded
    return cfg


def seen(cfg) -> list[str]:
    data = cfg.train_dataloader.dataset
    return list(KeypointSteps(data.steps).names(data.step))


@pytest.mark.parametrize('name', CONFIGS)
def test_builds(name, data_root, monkeypatch):
    cfg = load(CONFIGS[name], data_root, monkeypatch)
    model = build_model(cfg)
    names = seen(cfg)
    assert model.head.out_channels == len(names)
    for part in ('train', 'test'):
        dataset = build_dataset(cfg, part)
        item = dataset[len(dataset) - 1]
        assert list(dataset.metainfo['keypoint_name2id']) == names
        assert item['data_samples'].metainfo['flip_indices'] is not None
    heatmaps = build_dataset(cfg, 'train')[0]['data_samples'].gt_fields.heatmaps
    assert heatmaps.shape[0] == len(names)
    assert [metric['type'] for metric in cfg.test_evaluator] == ['IncrementalKeypointMetric']
    assert cfg.default_hooks.checkpoint.save_best is None
    hooks = [hook.type for hook in cfg.custom_hooks]
    assert 'StepHandoverHook' in hooks and 'NonFiniteLossHook' in hooks
    if isinstance(model, IncrementalPoseEstimator):
        assert cfg.model.steps == cfg.train_dataloader.dataset.steps
        assert model.step == cfg.train_dataloader.dataset.step == cfg.test_dataloader.dataset.step


@pytest.mark.parametrize('name', PROTOCOLS)
def test_protocol_stands_for_all_steps(name, data_root, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(data_root))
    runs = plan_steps([CONFIGS[name]], 'root')
    steps = load_config(CONFIGS[name]).model.steps
    assert [run.step for run in runs] == list(range(len(steps)))
    for run in runs:
        cfg = load(run.config, data_root, monkeypatch, run.cfg_options())
        assert seen(cfg) == [n for group in steps[: run.step + 1] for n in group]
        if run.step:
            assert cfg.model.step == run.step
            assert cfg.model.parent == f'root/step{run.step - 1}/detector.pth'
        assert cfg.test_evaluator[0].out_file == f'root/step{run.step}/row.json'


@pytest.mark.parametrize('name', PROTOCOLS)
def test_groups_obey_the_rules(name, data_root, monkeypatch):
    """Closed under left and right, and at least two new keypoints a step."""
    monkeypatch.setenv('KPT_DATA_ROOT', str(data_root))
    for run in plan_steps([CONFIGS[name]], 'root'):
        cfg = load_config(run.config, run.cfg_options())
        dataset = build_dataset(cfg, 'test')
        assert dataset.metainfo['swap_missing'] == []
        assert len(KeypointSteps(cfg.train_dataloader.dataset.steps).new(run.step)) >= 2


def test_single_steps_are_those_of_the_protocol(data_root, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(data_root))
    single = [CONFIGS[f'ikl_livestock_cattle_step{t}'] for t in range(4)]
    protocol = plan_steps([CONFIGS['ikl_livestock_cattle']], 'root')
    for run, other in zip(plan_steps(single, 'root'), protocol, strict=True):
        first = load_config(run.config, run.cfg_options()).to_dict()
        second = load_config(other.config, other.cfg_options()).to_dict()
        # the file's own variable, which only the file reads
        first.pop('step', None), second.pop('step', None)
        assert first == second


def test_steps_in_the_wrong_order_are_refused(data_root, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(data_root))
    single = [CONFIGS[f'ikl_livestock_cattle_step{t}'] for t in (0, 2, 1)]
    with pytest.raises(ValueError, match='is of step 2, but was given as step 1'):
        plan_steps(single, 'root')


def test_a_single_step_is_no_protocol(data_root, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(data_root))
    with pytest.raises(ValueError, match='is no protocol config'):
        plan_steps([CONFIGS['ikl_livestock_cattle_step0']], 'root')
