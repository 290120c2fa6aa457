"""The shell scripts, with stand-ins for python and srun that print what they are called with."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools.tool import TOOLS

ECHO = '#!/bin/sh\nfor argument in "$@"; do echo "$argument"; done\n'


@pytest.fixture
def run(tmp_path):
    for name in ('python', 'srun'):
        (tmp_path / name).write_text(ECHO)
        (tmp_path / name).chmod(0o755)

    def call(script, *arguments, **variables):
        clean = {k: v for k, v in os.environ.items() if k not in ('PORT', 'NNODES', 'GPUS')}
        path = f'{tmp_path}:{os.environ["PATH"]}'
        return subprocess.run(
            ['bash', str(TOOLS / script), *arguments],
            env={**clean, 'PATH': path, 'PYTHON': str(tmp_path / 'python'), **variables},
            capture_output=True,
            text=True,
        )

    return call


def test_one_node(run):
    words = run('dist_train.sh', 'c.py', '2', '--amp').stdout.split()
    assert words[:2] == ['-m', 'torch.distributed.run']
    assert '--standalone' in words and '--nproc_per_node=2' in words
    tail = [f'{TOOLS}/train.py', 'c.py', '--launcher', 'pytorch', '--amp']
    assert words[-5:] == tail


def test_several_nodes(run):
    variables = dict(NNODES='3', NODE_RANK='1', MASTER_ADDR='host0', PORT='12345')
    words = run('dist_test.sh', 'c.py', 'a.pth', '8', '--out', 'm n.json', **variables).stdout
    lines = words.splitlines()
    for expected in ('--nnodes=3', '--node_rank=1', '--master_addr=host0', '--master_port=12345'):
        assert expected in lines
    assert lines[-6:] == ['c.py', '--launcher', 'pytorch', 'a.pth', '--out', 'm n.json']


@pytest.mark.parametrize(
    'gpus, per_node, expected',
    [
        ('16', '8', ['--ntasks=16', '--ntasks-per-node=8', '--gres=gpu:8']),
        ('4', '8', ['--ntasks=4', '--ntasks-per-node=4', '--gres=gpu:4']),
    ],
)
def test_slurm(run, gpus, per_node, expected):
    variables = dict(GPUS=gpus, GPUS_PER_NODE=per_node, SRUN_ARGS='--time=1:00 --qos=x')
    lines = run('slurm_train.sh', 'part', 'job', 'c.py', '--resume', **variables).stdout.split()
    for word in (*expected, '--partition=part', '--job-name=job', '--time=1:00', '--qos=x'):
        assert word in lines
    assert lines[-5:] == [f'{TOOLS}/train.py', 'c.py', '--resume', '--launcher', 'slurm']


def test_slurm_without_gpus(run):
    words = run('slurm_test.sh', 'p', 'j', 'c.py', 'a.pth', GPUS='4', GPUS_PER_NODE='0').stdout
    assert '--gres' not in words and '--ntasks=4' in words


@pytest.mark.parametrize('script', ['dist_train.sh', 'slurm_train.sh'])
def test_interpreter(tmp_path, script):
    """PYTHON, else the environment beside the tools, else the python that is found."""
    shutil.copytree(TOOLS, tmp_path / 'tools', ignore=shutil.ignore_patterns('*.py'))
    places = [tmp_path / folder / 'python' for folder in ('own', '.venv/bin', 'path')]
    for place in (*places, tmp_path / 'path' / 'srun'):
        place.parent.mkdir(parents=True, exist_ok=True)
        # srun runs what follows its options
        run = 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"'
        place.write_text(f'#!/bin/sh\n{run if place.name == "srun" else "echo $0"}\n')
        place.chmod(0o755)
    env = {k: v for k, v in os.environ.items() if k not in ('PYTHON', 'PORT', 'NNODES', 'GPUS')}
    env['PATH'] = f'{tmp_path / "path"}:{env["PATH"]}'

    def interpreter(**variables):
        command = ['bash', str(tmp_path / 'tools' / script), 'a', 'b', 'c.py']
        done = subprocess.run(command, env={**env, **variables}, capture_output=True, text=True)
        return Path(done.stdout.strip()).resolve()

    assert interpreter(PYTHON=str(places[0])) == places[0]
    assert interpreter() == places[1]
    places[1].unlink()
    assert interpreter() == places[2]


@pytest.mark.parametrize('script', ['dist_train', 'dist_test', 'slurm_train', 'slurm_test'])
def test_usage(run, script):
    done = run(f'{script}.sh', 'c.py')
    assert done.returncode == 2
    assert f'tools/{script}.sh' in done.stderr
    assert not done.stderr.startswith('#')
