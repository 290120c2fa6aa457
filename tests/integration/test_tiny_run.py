"""A whole training run of seconds: killed and resumed, tested by one and by two processes."""

import json
import signal

import pytest
import torch

from kpt_plugins.evaluation import load_pairs, score_pairs

from .runs import TINY, run_tool

KILL_HOOK = """
import os, signal
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

@HOOKS.register_module()
class KillHook(Hook):
    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter == 5:
            os.kill(os.getpid(), signal.SIGKILL)
"""
KILLED_CONFIG = """
_base_ = [{base!r}]
custom_imports = dict(imports=['kpt_plugins', 'kill_hook'], allow_failed_imports=False)
custom_hooks = [*_base_.custom_hooks, dict(type='KillHook')]
"""


@pytest.fixture(scope='module')
def data_root(tiny_mp100):
    return tiny_mp100.parent


@pytest.fixture(scope='module')
def unbroken(data_root, tmp_path_factory):
    """The work dir of a training run of three epochs with four iterations each."""
    work_dir = tmp_path_factory.mktemp('unbroken')
    run_tool('train.py', TINY, '--work-dir', work_dir, '--seed', 5, data_root=data_root)
    return work_dir


def load(path):
    return torch.load(path, weights_only=False)


def assert_equal(one, other):
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    else:
        assert one == other


def test_training_leaves_what_a_user_expects(unbroken):
    names = sorted(path.name for path in unbroken.glob('*.pth'))
    assert [n for n in names if n.startswith('epoch')] == ['epoch_2.pth', 'epoch_3.pth']
    assert len([n for n in names if n.startswith('best_model_mPCK')]) == 1
    assert (unbroken / 'last_checkpoint').read_text().endswith('epoch_3.pth')
    assert list(unbroken.glob('*/vis_data/scalars.json'))


def test_killed_and_resumed_run_equals_the_unbroken_one(unbroken, data_root, tmp_path):
    (tmp_path / 'kill_hook.py').write_text(KILL_HOOK)
    config = tmp_path / 'killed.py'
    config.write_text(KILLED_CONFIG.format(base=str(TINY)))
    work_dir = tmp_path / 'run'
    arguments = ['--work-dir', work_dir, '--seed', 5]
    run_tool(
        'train.py',
        config,
        *arguments,
        data_root=data_root,
        expect=-signal.SIGKILL,
        PYTHONPATH=str(tmp_path),
    )
    # In its second epoch; besides, as a writer without our care would, half of a checkpoint.
    assert [path.name for path in work_dir.glob('epoch*')] == ['epoch_1.pth']
    half = (work_dir / 'epoch_1.pth').read_bytes()
    (work_dir / 'epoch_2.pth').write_bytes(half[: len(half) // 2])
    (work_dir / 'last_checkpoint').write_text(str(work_dir / 'epoch_2.pth'))
    # The seed is that of the checkpoint, not the config's.
    output = run_tool('train.py', TINY, '--work-dir', work_dir, '--resume', data_root=data_root)
    assert 'resumed epoch: 1, iter: 4' in output
    whole, resumed = load(unbroken / 'epoch_3.pth'), load(work_dir / 'epoch_3.pth')
    for part in ('state_dict', 'optimizer', 'param_schedulers'):
        assert_equal(whole[part], resumed[part])
    assert whole['meta']['seed'] == resumed['meta']['seed'] == 5


def test_one_and_two_processes_score_the_same(unbroken, data_root, tmp_path):
    checkpoint = next(unbroken.glob('best_*.pth'))
    scores = []
    for processes in (1, 2):
        out, dump = tmp_path / f'metrics_{processes}.json', tmp_path / f'pairs_{processes}.npz'
        shown = tmp_path / f'shown_{processes}'
        start = ('test.py', TINY, checkpoint)
        if processes > 1:
            start = ('dist_test.sh', TINY, checkpoint, processes)
        arguments = ['--work-dir', tmp_path / 'test', '--out', out, '--dump', dump]
        arguments += ['--show-dir', shown, '--show-number', 4]
        output = run_tool(*start, *arguments, data_root=data_root)
        assert 'copy_baseline' in output and 'mPCK is the mean of PCK at 0.05' in output
        scores.append(json.loads(out.read_text()))
        assert len(list(shown.iterdir())) == 4
    assert scores[0] == scores[1]
    assert scores[0]['model']['num_pairs'] == 15
    assert scores[0]['model']['thresholds'] == [0.05, 0.1, 0.15, 0.2]
    assert len(scores[0]['model']['per_category']) == 5
    again = score_pairs(load_pairs(tmp_path / 'pairs_2.npz')['copy_baseline']).overall
    assert again['mPCK'] == scores[0]['copy_baseline']['mPCK']
