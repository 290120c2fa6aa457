import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mmengine.config import Config

from kpt_plugins.structures.step_manifest import read_manifest
from tests.tiny_steps import STEPS, base_model, incremental_model, run_config, write_dots
from tests.tools.tool import TOOLS, load_tool

tool = load_tool('train_incremental')


@pytest.fixture(scope='module')
def protocol(tmp_path_factory) -> Path:
    """A protocol config over three steps, and its base config."""
    root = tmp_path_factory.mktemp('sequence')
    data = write_dots(root / 'data')
    base = run_config(data, root / 'x', base_model(), 0, epochs=2)
    later = run_config(data, root / 'x', incremental_model(1, None), 1, epochs=2)
    later.base_config = 'base.py'
    # as the shipped configs have it: KA-Net is trained in the first stage alone
    later.model_wrapper_cfg = dict(type='MMDistributedDataParallel', find_unused_parameters=True)
    for cfg, name in ((base, 'base.py'), (later, 'protocol.py')):
        own = {'work_dir', 'experiment_name'}
        cfg = Config({k: v for k, v in cfg.to_dict().items() if k not in own})
        cfg.dump(str(root / name))
    return root / 'protocol.py'


run_process = subprocess.run


def in_process(command, *args, **kwargs):
    """``subprocess.run`` that runs our own tools without a process of their own."""
    if len(command) < 2 or Path(command[1]).parent != TOOLS:
        return run_process(command, *args, **kwargs)
    return load_tool(Path(command[1]).stem).main(command[2:])


@pytest.fixture(scope='module')
def finished(protocol) -> Path:
    root = protocol.parent / 'run'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tool.subprocess, 'run', in_process)
        tool.main([str(protocol), '--work-dir', str(root), '--seed', '3'])
    return root


def rows(root: Path) -> list[dict]:
    return [json.loads((root / f'step{t}' / 'row.json').read_text()) for t in range(3)]


def test_all_steps_are_trained_and_tested(finished):
    assert [row['names'] for row in rows(finished)] == [
        STEPS[0], STEPS[0] + STEPS[1], STEPS[0] + STEPS[1] + STEPS[2],
    ]  # fmt: skip
    manifests = [read_manifest(finished / f'step{t}') for t in range(3)]
    for old, new in zip(manifests, manifests[1:], strict=False):
        assert new.parent_sha256 == old.sha256
    assert {manifest.seed for manifest in manifests} == {3}


def test_a_second_run_trains_nothing(protocol, finished, monkeypatch):
    monkeypatch.setattr(tool.subprocess, 'run', lambda *_, **__: pytest.fail('a tool was run'))
    tool.main([str(protocol), '--work-dir', str(finished), '--seed', '3'])


def test_a_killed_sequence_ends_as_an_unbroken_one(protocol, finished, tmp_path, monkeypatch):
    """Killed in the middle of a step, started again."""
    for step in (0, 1):
        shutil.copytree(finished / f'step{step}', tmp_path / f'step{step}')
    command = [sys.executable, TOOLS / 'train_incremental.py', protocol, '--work-dir', tmp_path]
    command = [str(part) for part in (*command, '--seed', 3)]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    while process.poll() is None and not (tmp_path / 'step2' / 'epoch_1.pth').exists():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert read_manifest(tmp_path / 'step2') is None
    monkeypatch.setattr(tool.subprocess, 'run', in_process)
    tool.main(command[2:])
    assert rows(tmp_path)[2] == rows(finished)[2]
    assert (
        read_manifest(tmp_path / 'step2').parent_sha256 == read_manifest(finished / 'step1').sha256
    )


def test_another_base_makes_the_rest_invalid(protocol, finished, tmp_path):
    shutil.copytree(finished / 'step1', tmp_path / 'step1')
    shutil.copytree(finished / 'step2', tmp_path / 'base')
    with pytest.raises(SystemExit, match='base is of step 2, expected step 0'):
        tool.main([str(protocol), '--work-dir', str(tmp_path), '--base', str(tmp_path / 'base')])


def test_no_base_and_two_bases_are_refused(protocol, finished, tmp_path):
    arguments = [str(protocol), '--work-dir', str(tmp_path), '--base']
    with pytest.raises(SystemExit, match='nowhere: there is no trained base step'):
        tool.main([*arguments, str(tmp_path / 'nowhere')])
    shutil.copytree(finished / 'step0', tmp_path / 'step0')
    with pytest.raises(SystemExit, match='step0 is there already and not --base'):
        tool.main([*arguments, str(finished / 'step0')])


def test_shared_base(protocol, finished, tmp_path, monkeypatch):
    """Methods that start from one base step do not train it again."""
    calls = []
    monkeypatch.setattr(tool.subprocess, 'run', lambda command, **_: calls.append(command))
    arguments = [str(protocol), '--work-dir', str(tmp_path), '--base', str(finished / 'step0')]
    tool.main([*arguments, '--last-step', '1', '--cfg-options', 'model.ka_net=None'])
    assert [Path(call[1]).name for call in calls] == ['train.py', 'test.py']
    assert f'model.parent={tmp_path}/step0/detector.pth' in calls[0]
    assert (tmp_path / 'step0').resolve() == finished.resolve() / 'step0'
    assert 'model.ka_net=None' in calls[0]


def test_another_method_in_the_same_folder_is_refused(protocol, finished, monkeypatch):
    monkeypatch.setattr(tool.subprocess, 'run', lambda *_, **__: pytest.fail('a tool was run'))
    arguments = [str(protocol), '--work-dir', str(finished)]
    with pytest.raises(SystemExit, match='step0 holds a step 0 with another seed'):
        tool.main([*arguments, '--seed', '4'])
    with pytest.raises(SystemExit, match='step1 holds a step 1 with another model'):
        tool.main([*arguments, '--seed', '3', '--cfg-options', 'model.ka_net=None'])


def test_a_step_on_two_processes(protocol, finished, tmp_path):
    """Both stages; what one process freezes, the others must not wait for."""
    parent = finished / 'step0' / 'detector.pth'
    command = ['bash', TOOLS / 'dist_train.sh', protocol, 2, '--work-dir', tmp_path, '--seed', 3]
    command = [str(part) for part in (*command, '--cfg-options', f'model.parent={parent}')]
    variables = dict(PYTHON=sys.executable, CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1')
    done = run_process(command, env={**os.environ, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    manifest = read_manifest(tmp_path)
    assert manifest.parent_sha256 == read_manifest(finished / 'step0').sha256
    assert (tmp_path / 'association.pth').is_file() and (tmp_path / 'detector.pth').is_file()


def test_negative_last_step(capsys):
    with pytest.raises(SystemExit):
        tool.main(['config.py', '--last-step', '-1'])
    assert '--last-step is -1' in capsys.readouterr().err


def test_missing_config():
    with pytest.raises(SystemExit, match='nowhere'):
        tool.main(['nowhere.py'])
