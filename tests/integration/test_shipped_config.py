"""The config of `make demo`, by its name: a few iterations, a resume, a test, on drawn data."""

import json

import pytest

from tests.helpers import write_tiny_mp100

from .runs import run_tool

FEW = [
    'train_dataloader.dataset.num_episodes=4',
    'train_dataloader.batch_size=2',
    'train_dataloader.num_workers=1',
    'val_dataloader.dataset.num_episodes=1',
    'val_dataloader.dataset.num_queries=2',
    'test_dataloader.dataset.num_episodes=1',
    'test_dataloader.dataset.num_queries=2',
]


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp('shipped')
    write_tiny_mp100(root / 'synth', 'synth')
    return root


def test_train_resume_test(data_root, tmp_path):
    common = ['--work-dir', tmp_path, '--cfg-options', *FEW]
    for epochs in (1, 2):
        output = run_tool(
            'train.py',
            'fmmp_synth',
            '--resume',
            *common,
            f'train_cfg.max_epochs={epochs}',
            f'train_cfg.val_interval={epochs}',
            data_root=data_root,
        )
        assert ('resumed epoch: 1, iter: 2' in output) == (epochs == 2)
    out = tmp_path / 'metrics.json'
    run_tool(
        'test.py',
        'fmmp_synth',
        tmp_path / 'epoch_2.pth',
        '--out',
        out,
        *common,
        data_root=data_root,
    )
    scores = json.loads(out.read_text())
    assert set(scores) == {'model', 'copy_baseline'}
    assert scores['model']['num_pairs'] == 12
