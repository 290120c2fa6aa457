"""Two processes on CPU train, validate and resume like one would."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from kpt_plugins.engine.dist import init_cpu_distributed, setup_launcher

TOY = Path(__file__).with_name('toy_run.py')
ROOT = TOY.parents[2]
VARIABLES = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')


def free_port() -> int:
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def run_toy(work_dir: Path, ranks: int, epochs: int, *resume: str) -> list[dict]:
    """Run the toy and return the reports of its ranks."""
    if ranks > 1:
        head = ['-m', 'torch.distributed.run', f'--nproc_per_node={ranks}']
        head += ['--master_addr=127.0.0.1', f'--master_port={free_port()}']
        launcher = 'pytorch'
    else:
        head, launcher = [], 'none'
    command = [sys.executable, *head, str(TOY), str(work_dir), launcher, str(epochs), *resume]
    env = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    # The test is about CPUs wherever it runs.
    env.update(CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT))
    work_dir.mkdir(exist_ok=True)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert 'destroy_process_group() was not called' not in done.stderr
    return [json.loads((work_dir / f'report{rank}.json').read_text()) for rank in range(ranks)]


def test_two_gloo_ranks_train_validate_and_resume(tmp_path):
    first, second = run_toy(tmp_path / 'whole', 2, 2)
    assert [first['rank'], second['rank']] == [0, 1]
    assert first['world_size'] == 2
    assert first['weights'] == second['weights']
    assert first['count'] == 6  # every sample once, from both ranks
    assert first['error'] == second['error']

    run_toy(tmp_path / 'broken', 2, 1)
    resumed, _ = run_toy(tmp_path / 'broken', 2, 2, 'resume')
    assert resumed['weights'] == first['weights']


@pytest.fixture
def no_launcher(monkeypatch):
    for name in (*VARIABLES, 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ('launcher', 'variable', 'starter'),
    [
        ('pytorch', 'RANK', 'torchrun'),
        ('slurm', 'SLURM_PROCID', 'srun'),
        ('mpi', 'OMPI_COMM_WORLD_RANK', 'mpirun'),
    ],
)
def test_a_process_not_started_by_its_launcher_is_told_so(no_launcher, launcher, variable, starter):
    with pytest.raises(ValueError, match=f'variable {variable}.*{starter}'):
        setup_launcher(Config(), launcher)


def test_unknown_launcher():
    with pytest.raises(ValueError, match="launcher 'torch': expected one of none, pytorch"):
        setup_launcher(Config(), 'torch')


def test_without_launcher_only_the_config_is_touched():
    cfg = Config(dict(model=dict(type='Line')))
    setup_launcher(cfg, 'none')
    assert cfg.to_dict() == dict(model=dict(type='Line'), launcher='none')
    assert not torch.distributed.is_initialized()


def test_wrapper_keeps_the_configs_options(no_launcher, monkeypatch):
    for name, value in dict(RANK='0', WORLD_SIZE='1', LOCAL_RANK='0').items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr('kpt_plugins.engine.dist.get_device', lambda: 'cpu')
    calls = []
    monkeypatch.setattr(
        'kpt_plugins.engine.dist.init_cpu_distributed', lambda *a, **k: calls.append((a, k))
    )
    cfg = Config(
        dict(
            find_unused_parameters=True,
            env_cfg=dict(dist_cfg=dict(backend='nccl', timeout=60)),
            model_wrapper_cfg=dict(static_graph=True, device_ids=[0]),
        )
    )
    setup_launcher(cfg, 'pytorch')
    assert calls == [(('pytorch',), dict(timeout=60))]
    assert cfg.model_wrapper_cfg == dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=True,
        static_graph=True,
        device_ids=None,
    )


def test_gpu_runs_are_left_to_mmengine(no_launcher, monkeypatch):
    for name, value in dict(RANK='0', WORLD_SIZE='1', LOCAL_RANK='0').items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr('kpt_plugins.engine.dist.get_device', lambda: 'cuda')
    cfg = Config(dict())
    setup_launcher(cfg, 'pytorch')
    assert cfg.to_dict() == dict(launcher='pytorch')
    assert not torch.distributed.is_initialized()


def test_slurm_variables_become_torchs(no_launcher, monkeypatch):
    values = dict(SLURM_PROCID='1', SLURM_NTASKS='2', SLURM_LOCALID='0', SLURM_NODELIST='a[1-2]')
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr('kpt_plugins.engine.dist._first_host', lambda launcher: 'a1')
    seen = {}
    monkeypatch.setattr(
        torch.distributed,
        'init_process_group',
        lambda backend, timeout: seen.update({k: os.environ[k] for k in VARIABLES}, b=backend),
    )
    # setenv first, so that what the function writes is undone after the test
    for name in VARIABLES[:4]:
        monkeypatch.setenv(name, '')
    monkeypatch.delenv('MASTER_ADDR')
    init_cpu_distributed('slurm')
    assert seen == dict(
        RANK='1', WORLD_SIZE='2', LOCAL_RANK='0', MASTER_ADDR='a1', MASTER_PORT='29500', b='gloo'
    )
