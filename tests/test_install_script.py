"""tools/install.sh with a Python that only pretends to install: order, stamps, fallbacks."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STAGES = ['venv', 'torch', 'wheels', 'mmcv', 'sources', 'package', 'check']

# Answers the questions that the script asks, and notes every pip and doctor call in $LOG.
FAKE_PYTHON = r"""#!/usr/bin/env bash
self=$0
call=$*
if [ -n "${KILL_AT:-}" ]; then case $call in *$KILL_AT*) kill -9 $PPID; exit 1 ;; esac; fi
case $call in
  "-m venv"*)
    folder=${!#}; mkdir -p "$folder/bin" "$folder/site"; touch "$folder/pyvenv.cfg"
    cp "$self" "$folder/bin/python"; echo venv >>"$LOG" ;;
  *'"%d.%d"'*) echo "${FAKE_VERSION:-3.11}" ;;
  *sys.prefix*) echo "3.11.9 /usr" ;;
  *purelib*) echo "$(dirname "$self")/../site" ;;
  *'get_path("include"))'*) echo "$HEADERS" ;;
  *'import torch, mmcv._ext'*) exit "${EXT_STATUS:-0}" ;;
  *"-m pip wheel"*)
    echo "pip wheel ${call#*wheel } MAX_JOBS=$MAX_JOBS CFLAGS=$CFLAGS" >>"$LOG"
    [ -z "${WHEEL_FAILS:-}" ] || { echo 'error: no memory'; exit 1; }
    echo '[1/77] c++'
    while [ "$1" != -w ]; do shift; done; touch "$2/onedl_mmcv-0.whl" ;;
  *"-m pip install"*)
    hidden=''
    [ ! -e "${PYTHONPATH:-none}/torch.py" ] || hidden=' without-torch'
    echo "pip install ${call#*install }$hidden" >>"$LOG" ;;
  *doctor.py*) echo doctor >>"$LOG" ;;
esac
"""


class Sandbox:
    """A copy of what the script reads, with a fake Python and compiler."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / 'checkout'
        (self.root / 'tools').mkdir(parents=True)
        shutil.copy(ROOT / 'tools' / 'install.sh', self.root / 'tools')
        shutil.copytree(ROOT / 'requirements', self.root / 'requirements')
        for name in ('setup.py', 'pyproject.toml'):
            shutil.copy(ROOT / name, self.root)
        self.log = folder / 'calls.log'
        python = folder / 'python3.11'
        compiler = folder / 'c++'
        (folder / 'Python.h').touch()
        python.write_text(FAKE_PYTHON)
        compiler.write_text('#!/bin/sh\necho some compiler\n')
        python.chmod(0o755)
        compiler.chmod(0o755)
        names = ('VENV', 'TORCH_FILE', 'TORCH_INDEX', 'SYSTEM_TORCH', 'MMCV_OPS')
        names += ('WHEELHOUSE', 'REINSTALL')
        self.env = {k: v for k, v in os.environ.items() if k not in (*names, 'PYTHONPATH')}
        self.env.update(
            PYTHON=str(python), CXX=str(compiler), HEADERS=str(folder), LOG=str(self.log)
        )

    def run(self, **env: str) -> subprocess.CompletedProcess:
        """Run the script; the calls of this run alone are then in :attr:`calls`."""
        self.log.write_text('')
        command = ['bash', str(self.root / 'tools' / 'install.sh')]
        return subprocess.run(
            command, env={**self.env, **env}, capture_output=True, text=True, timeout=60
        )

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()

    def called(self, *parts: str) -> bool:
        return any(all(part in call for part in parts) for call in self.calls)

    @property
    def stamps(self) -> set[str]:
        return {path.name for path in (self.root / '.venv' / '.stamps').glob('*')}


@pytest.fixture
def sandbox(tmp_path):
    return Sandbox(tmp_path)


def test_everything_is_installed_in_order_and_only_once(sandbox):
    done = sandbox.run()
    assert done.returncode == 0, done.stderr
    order = ['venv', 'torch.txt', 'build.txt', 'lock.txt', 'pip wheel', 'onedl_mmcv-0.whl']
    order += ['onedl-mmdetection==', 'xtcocotools==', '-e .', 'doctor']
    assert len(sandbox.calls) == len(order)
    for call, part in zip(sandbox.calls, order, strict=True):
        assert part in call
    for call in sandbox.calls[2:-1]:
        assert '--no-deps' in call
    assert sandbox.called('--no-build-isolation', 'onedl-mmdetection')
    assert sandbox.called('--no-binary xtcocotools', '--no-build-isolation')
    assert sandbox.stamps == set(STAGES)

    again = sandbox.run()
    assert (again.returncode, again.stdout, sandbox.calls) == (0, '', [])


def test_compiling_is_parallel_fast_and_against_the_installed_torch(sandbox):
    sandbox.run()
    call = next(call for call in sandbox.calls if call.startswith('pip wheel'))
    assert '--no-build-isolation' in call and '--no-cache-dir' in call
    assert 'CFLAGS=-O2 -g0' in call
    assert int(call.split('MAX_JOBS=')[1].split()[0]) >= 1


def test_operators_can_be_left_out(sandbox):
    done = sandbox.run(MMCV_OPS='0')
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('without compiled operators (MMCV_OPS=0)') == 1
    assert not sandbox.called('pip wheel')
    assert sandbox.called('onedl-mmcv==', 'without-torch', '--no-build-isolation')
    # The other builds must see torch and numpy.
    assert not sandbox.called('onedl-mmdetection', 'without-torch')

    sandbox.run()  # `make test` after it does not compile what was left out on purpose
    assert sandbox.calls == []
    sandbox.run(MMCV_OPS='1')
    assert sandbox.called('pip wheel')
    assert not sandbox.called('torch.txt')


@pytest.mark.parametrize(
    ('env', 'reason'),
    [
        (dict(WHEEL_FAILS='1'), 'they did not compile'),
        (dict(EXT_STATUS='1'), 'they did not compile'),
        (dict(CXX='no-such-compiler'), 'no C++ compiler'),
        (dict(HEADERS='/nowhere'), 'no C++ compiler or no Python headers'),
    ],
)
def test_operators_that_cannot_be_compiled_are_left_out_with_one_line(sandbox, env, reason):
    done = sandbox.run(**env)
    assert done.returncode == 0, done.stderr
    assert sum(reason in line for line in done.stdout.splitlines()) == 1
    assert sandbox.called('onedl-mmcv==', 'without-torch')
    assert sandbox.stamps == set(STAGES)
    assert sandbox.run(**env).stdout == ''  # and not tried again at every `make test`

    insisting = Sandbox(sandbox.root.parent / 'second')
    done = insisting.run(MMCV_OPS='1', **env)
    assert done.returncode == 1
    assert 'error: ' in done.stderr and 'check' not in insisting.stamps


@pytest.mark.parametrize('stage', ['torch.txt', 'lock.txt', 'onedl-mmdetection', 'doctor'])
def test_a_killed_run_goes_on_where_it_was(sandbox, stage):
    killed = sandbox.run(KILL_AT=stage)
    assert killed.returncode == -9
    before = sandbox.stamps
    assert 'check' not in before and before < set(STAGES)

    done = sandbox.run()
    assert done.returncode == 0, done.stderr
    assert sandbox.stamps == set(STAGES)
    assert sandbox.called(stage)
    assert 'venv' not in sandbox.calls
    assert sandbox.called('torch.txt') == ('torch' not in before)
    assert sandbox.called('pip wheel') == ('mmcv' not in before)


def test_what_a_killed_pip_left_half_installed_is_removed(sandbox):
    sandbox.run(KILL_AT='lock.txt')
    site = sandbox.root / '.venv' / 'site'
    for name in ('whole-1.dist-info', 'half-1.dist-info', '~umpy'):
        (site / name).mkdir()
    (site / 'whole-1.dist-info' / 'RECORD').touch()
    (site / 'half-1.dist-info' / 'METADATA').touch()
    assert sandbox.run().returncode == 0
    assert [path.name for path in site.iterdir()] == ['whole-1.dist-info']


def test_a_new_pin_redoes_what_depends_on_it(sandbox):
    sandbox.run()
    torch_file = sandbox.root / 'requirements' / 'torch.txt'
    text = torch_file.read_text()
    torch_file.write_text('# another comment\n' + text)
    sandbox.run()
    assert sandbox.calls == []

    torch_file.write_text(text.replace('torch==2.11.0', 'torch==2.12.0'))
    sandbox.run()
    assert sandbox.called('torch.txt')
    assert sandbox.called('pip wheel')  # operators are compiled against one torch
    assert sandbox.called('doctor')
    assert not sandbox.called('-e .')

    lock = sandbox.root / 'requirements' / 'lock.txt'
    lock.write_text(lock.read_text().replace('tqdm==', 'tqdm==4.'))
    sandbox.run()
    assert sandbox.called('lock.txt') and not sandbox.called('pip wheel')


@pytest.mark.parametrize(
    ('stage', 'parts'),
    [
        ('torch', ['torch.txt']),
        ('wheels', ['build.txt', 'lock.txt']),
        ('mmcv', ['pip wheel', 'onedl_mmcv-0.whl']),
        ('sources', ['onedl-mmdetection==', 'xtcocotools==']),
        ('package', ['-e .']),
    ],
)
def test_reinstall_replaces_what_stamps_and_pip_take_for_installed(sandbox, stage, parts):
    sandbox.run()
    done = sandbox.run(REINSTALL=stage)
    assert done.returncode == 0, done.stderr
    assert sandbox.calls[-1] == 'doctor'
    assert len(sandbox.calls) == len(parts) + 1
    for call, part in zip(sandbox.calls, parts, strict=False):
        assert part in call and ('--force-reinstall' in call or call.startswith('pip wheel'))
    sandbox.run()
    assert sandbox.calls == []


def test_reinstall_of_several_stages_and_of_all(sandbox):
    sandbox.run(REINSTALL='all')  # in a new environment too
    assert sandbox.stamps == set(STAGES)
    sandbox.run(REINSTALL='wheels package')
    assert sandbox.called('lock.txt') and sandbox.called('-e .') and not sandbox.called('torch.txt')
    sandbox.run(REINSTALL='all')
    installs = [call for call in sandbox.calls if call.startswith('pip install')]
    assert len(installs) == 7 and all('--force-reinstall' in call for call in installs)
    assert 'venv' not in sandbox.calls


def test_another_source_of_torch(sandbox, tmp_path):
    sandbox.run(TORCH_INDEX='https://example.org/cpu')
    assert sandbox.called('--index-url https://example.org/cpu', 'torch.txt')
    sandbox.run(TORCH_INDEX=str(tmp_path))
    assert sandbox.called(f'--find-links {tmp_path}', 'torch.txt')


def test_settings_of_torch_hold_for_later_runs(sandbox):
    sandbox.run(TORCH_INDEX='https://example.org/cpu', TORCH_FILE='requirements/torch-oldest.txt')
    assert sandbox.called('--index-url https://example.org/cpu', 'torch-oldest.txt')
    sandbox.run(TORCH_INDEX='')
    assert sandbox.calls == []
    python = sandbox.env.pop('PYTHON')  # `make install PYTHON=...`, then `make test`
    sandbox.run()
    assert sandbox.calls == []
    sandbox.run(PYTHON=python, TORCH_FILE='requirements/torch.txt')
    assert sandbox.called('torch.txt') and sandbox.called('pip wheel')


def test_offline_takes_our_own_xtcocotools(sandbox, tmp_path):
    sandbox.run(WHEELHOUSE=str(tmp_path))
    assert sandbox.called('xtcocotools==')
    assert not sandbox.called('--no-binary')


@pytest.mark.parametrize(
    ('env', 'message'),
    [
        (dict(MMCV_OPS='yes'), 'MMCV_OPS=yes: expected auto, 0 or 1'),
        (dict(FAKE_VERSION='3.13'), 'no Python 3.10, 3.11 or 3.12 found'),
        (dict(PYTHON='/no/such/python'), 'found under PYTHON=/no/such/python'),
        (
            dict(TORCH_FILE='requirements/none.txt'),
            'TORCH_FILE=requirements/none.txt: no such file',
        ),
        (
            dict(REINSTALL='wheels mmpose'),
            'REINSTALL=mmpose: expected all, or of torch wheels mmcv sources package',
        ),
        (dict(WHEELHOUSE='nowhere'), 'WHEELHOUSE=nowhere: no such folder'),
    ],
)
def test_wrong_settings_are_named(sandbox, env, message):
    done = sandbox.run(**env)
    assert done.returncode == 1
    assert message in done.stderr
    assert not sandbox.called('pip')


def test_a_folder_with_other_things_is_not_touched(sandbox):
    folder = sandbox.root / 'mine'
    folder.mkdir()
    (folder / 'thesis.txt').write_text('precious')
    done = sandbox.run(VENV='mine')
    assert done.returncode == 1 and 'is not a virtual environment' in done.stderr
    assert (folder / 'thesis.txt').read_text() == 'precious'


def test_an_environment_whose_python_is_gone_starts_over(sandbox):
    sandbox.run()
    (sandbox.root / '.venv' / 'bin' / 'python').unlink()
    done = sandbox.run()
    assert done.returncode == 0, done.stderr
    assert sandbox.calls[0] == 'venv' and sandbox.called('torch.txt')
