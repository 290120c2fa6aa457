"""Every shipped FMMP config builds its model and its datasets, here on small drawn data."""

import pytest
from mmengine.config import Config
from mmengine.dataset import ConcatDataset

from kpt_plugins.apis import shipped_configs
from kpt_plugins.apis.model_loading import build_dataset, build_model
from kpt_plugins.apis.run_config import episode_datasets, load_config, walk_dicts
from kpt_plugins.datasets.episode_dataset import EpisodeDataset
from tests.helpers import write_tiny_mp100

CONFIGS = {name: path for name, path in shipped_configs().items() if name.startswith('fmmp_')}


@pytest.fixture(scope='module')
def data_root(tiny_mp100):
    """A root with every data set that configs name."""
    root = tiny_mp100.parent
    write_tiny_mp100(root / 'synth', 'synth')
    write_tiny_mp100(root / 'custom', 'own', split=2)
    for path in (root / 'custom' / 'annotations').glob('own_*.json'):
        path.rename(path.with_name(path.name.removeprefix('own_')))
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


def test_custom_trains_on_two_sets(data_root, monkeypatch):
    cfg = load('fmmp_custom', data_root, monkeypatch)
    dataset = build_dataset(cfg, 'train')
    assert isinstance(dataset, ConcatDataset)
    own, synthetic = dataset.datasets
    assert isinstance(own, EpisodeDataset) and isinstance(synthetic, EpisodeDataset)
    # Half of the pairs each, from the data that it says.
    assert len(own) == len(synthetic) and len(dataset) == 2 * len(own)
    for index, folder in ((0, 'custom'), (len(own), 'synth')):
        query = dataset[index]['data_samples']
        assert query.img_path.startswith(str(data_root / folder))
    for part in ('val', 'test'):
        query = build_dataset(cfg, part)[0]['data_samples']
        assert query.img_path.startswith(str(data_root / 'custom'))


def test_custom_takes_files_from_the_command_line(data_root, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(data_root))
    options = dict(data_root='mine', train_ann='a.json', val_ann='b.json', test_ann='c.json')
    cfg = load_config(CONFIGS['fmmp_custom'], options)
    files = {
        part: [(d.dataset.data_root, d.dataset.ann_file) for d in episode_datasets(cfg, part)]
        for part in ('train_dataloader', 'val_dataloader', 'test_dataloader')
    }
    assert files == dict(
        train_dataloader=[
            ('mine', 'a.json'),
            (f'{data_root}/synth', 'annotations/synth_train.json'),
        ],
        val_dataloader=[('mine', 'b.json')],
        test_dataloader=[('mine', 'c.json')],
    )


def test_something_is_shipped():
    assert CONFIGS
