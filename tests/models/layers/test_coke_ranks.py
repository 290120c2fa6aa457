"""Two processes have the banks of one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.engine.test_dist import ROOT, VARIABLES, free_port
from tests.models.layers.coke_ranks import everything

SCRIPT = Path(__file__).with_name('coke_ranks.py')


def start(out, rank, port):
    env = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    env.update(CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT))
    command = [sys.executable, str(SCRIPT), *map(str, (out, rank, 2, port))]
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    """What the first rank, the second and a process alone have in the end."""
    folder, port = tmp_path_factory.mktemp('ranks'), free_port()
    files = [folder / 'first', folder / 'second']
    processes = [start(file, rank, port) for rank, file in enumerate(files)]
    for process in processes:
        output, _ = process.communicate(timeout=250)
        assert process.returncode == 0, output[-3000:]
    return [*(torch.load(file, weights_only=True) for file in files), everything()]


@pytest.mark.parametrize('part', ['ema', 'cma', 'uneven'])
def test_two_gloo_ranks_equal_one_process(results, part):
    """Also where one rank sees no keypoint, and where the ranks have different numbers."""
    first, second, alone = (result[part] for result in results)
    assert first.keys() == second.keys() == alone.keys()
    for name, value in alone.items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], value, atol=1e-5, rtol=1e-4, msg=name)


def test_training_went_somewhere(results):
    trained = results[2]['ema']
    assert trained['head.bank.count'].sum() > 10
    assert trained['head.clutter.filled'] == 30 and trained['head.clutter.ptr'] == 80 % 30
    assert not torch.allclose(trained['head.bank.theta'], results[2]['cma']['head.bank.theta'])
