"""Every shipped config builds its model and its datasets, here on small drawn data."""

import pytest
from mmengine.config import Config

from kpt_plugins.apis import shipped_configs
from kpt_plugins.apis.model_loading import build_dataset, build_model
from kpt_plugins.apis.run_config import load_config, walk_dicts
from tests.helpers import write_tiny_mp100

CONFIGS = shipped_configs()


@pytest.fixture(scope='module')
def data_root(tiny_mp100):
    """A root with every data set that configs name."""
    root = tiny_mp100.parent
    write_tiny_mp100(root / 'synth', 'synth')
    return root


def load(name, data_root, monkeypatch) -> Config:
    monkeypatch.setenv('KPT_DATA_ROOT', str(data_root))
    cfg = load_config(CONFIGS[name])
    for part in walk_dicts(cfg.model):
        # Pretrained weights would be downloaded.
        part.pop('init_cfg', None)
    return cfg


@pytest.mark.parametrize('name', CONFIGS)
def test_builds(name, data_root, monkeypatch):
    cfg = load(name, data_root, monkeypatch)
    build_model(cfg)
    for part in ('train', 'val', 'test'):
        dataset = build_dataset(cfg, part)
        item = dataset[len(dataset) - 1]
        assert set(item) == {'inputs', 'data_samples'}
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        prefixes = [metric['type'] for metric in evaluator]
        assert prefixes == ['EpisodeKeypointMetric', 'CopySupportMetric']


@pytest.mark.parametrize('name', CONFIGS)
def test_has_what_a_run_needs(name, data_root, monkeypatch):
    cfg = load(name, data_root, monkeypatch)
    hooks = {hook['type'] for hook in (*cfg.default_hooks.values(), *cfg.custom_hooks)}
    assert {'SafeCheckpointHook', 'EpisodeEpochHook', 'NonFiniteLossHook'} <= hooks
    assert 'sampler_seed' in cfg.default_hooks
    assert cfg.default_hooks.checkpoint.save_best == 'model/mPCK'
    assert isinstance(cfg.randomness.seed, int)
    assert cfg.auto_scale_lr.base_batch_size > 0


def test_something_is_shipped():
    assert CONFIGS
