"""The doctor finds what is wrong, also where it can hardly run itself."""

import importlib.util
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

DOCTOR = Path(__file__).resolve().parents[2] / 'tools' / 'doctor.py'
spec = importlib.util.spec_from_file_location('doctor', DOCTOR)
doctor = importlib.util.module_from_spec(spec)
sys.modules['doctor'] = doctor  # dataclasses look their module up
spec.loader.exec_module(doctor)


def run_doctor(*args, python=(sys.executable,), env=None):
    command = [*python, str(DOCTOR), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, env=env)


def test_this_environment_is_healthy():
    done = run_doctor('--json')
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report['ok'], done.stdout
    checks = {check['name']: check for check in report['checks']}
    assert {'python', 'torch', 'mmcv', 'mmpose', 'mmcv ops', 'cpu', 'kpt_plugins'} <= set(checks)
    import torch

    assert checks['torch']['detail'] == torch.__version__
    from kpt_plugins import compat

    compiled = checks['mmcv ops']['detail'].startswith('compiled')
    assert compiled == (compat.compiled_ops() != 'none')


def test_it_runs_where_nothing_is_installed():
    # -S and -I: no site-packages, no environment variables; only the standard library is left.
    done = subprocess.run(
        [sys.executable, '-I', '-S', '-c', _WITHOUT_SITE.format(path=str(DOCTOR))],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    assert 'fail  torch' in done.stdout and 'not installed' in done.stdout
    assert 'repair: make install REINSTALL=torch' in done.stdout
    assert 'could NOT run' in done.stdout


# The child gets the same flags, or it would see the packages again.
_WITHOUT_SITE = """
import runpy, subprocess, sys
run = subprocess.run
subprocess.run = lambda command, **kw: run([command[0], '-I', '-S', *command[1:]], **kw)
sys.argv = [{path!r}]
runpy.run_path({path!r}, run_name='__main__')
"""


def test_a_broken_package_is_named_with_its_error(tmp_path, monkeypatch):
    (tmp_path / 'brokenpkg.py').write_text('raise AttributeError("no such thing\\nsecond line")')
    (tmp_path / 'needs_other.py').write_text('import surely_not_there')
    monkeypatch.syspath_prepend(tmp_path)
    check = doctor.check_import('brokenpkg', needed=True)
    assert (check.status, check.repair) == ('fail', f'{doctor.INSTALL} REINSTALL=wheels')
    assert check.detail == 'does not import: AttributeError: no such thing'
    assert doctor.check_import('brokenpkg', needed=False).status == 'warn'
    assert 'surely_not_there' in doctor.check_import('needs_other', needed=True).detail
    assert doctor.check_import('surely_not_there', True).detail == 'not installed'


@pytest.mark.parametrize(
    ('path', 'stage'),
    [
        ('site-packages/mmcv/ops/a.py', 'mmcv'),
        ('site-packages/scipy/a.py', 'wheels'),
        ('site-packages/xtcocotools/a.py', 'sources'),
        ('elsewhere/a.py', 'torch'),
    ],
)
def test_the_stage_of_the_package_that_raised_is_repeated(tmp_path, path, stage):
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text('raise ImportError("undefined symbol")')
    with pytest.raises(ImportError) as found:
        runpy.run_path(str(tmp_path / path))
    assert doctor.stage_of(doctor.culprit('torch', found.value)) == stage


def test_a_missing_module_names_its_own_stage():
    error = ModuleNotFoundError("No module named 'mmcv.ops'", name='mmcv.ops')
    assert doctor.stage_of(doctor.culprit('mmpose', error)) == 'mmcv'
    error = ModuleNotFoundError("No module named 'addict'", name='addict')
    assert doctor.stage_of(doctor.culprit('mmcv', error)) == 'wheels'


def test_every_stage_that_a_repair_names_can_be_repeated():
    script = (DOCTOR.parent / 'install.sh').read_text()
    known = re.search("^REPEATABLE='(.*)'$", script, re.MULTILINE)[1].split()
    assert {*doctor.STAGES.values(), doctor.stage_of('numpy')} == set(known)


def test_another_python_than_that_of_the_environment_is_noticed(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, 'ROOT', tmp_path)
    monkeypatch.setattr(doctor, 'IN_VENV', False)
    assert doctor.check_environment() == []
    (tmp_path / '.venv' / 'bin').mkdir(parents=True)
    (tmp_path / '.venv' / 'bin' / 'python').touch()
    (check,) = doctor.check_environment()
    assert (check.status, check.repair) == ('warn', '.venv/bin/python tools/doctor.py')
    monkeypatch.setattr(doctor, 'IN_VENV', True)
    assert doctor.check_environment() == []


def test_a_package_that_kills_the_process_is_found():
    lines = [
        dict(begin='torch'),
        dict(checks=[dict(name='torch', status='ok', detail='2.11.0', repair='')]),
        dict(begin='mmcv ops'),
    ]
    text = 'noise\n' + ''.join(f'{doctor.MARK}{json.dumps(line)}\n' for line in lines)
    checks = doctor.read_child(text, returncode=-11)
    assert [(c.name, c.status) for c in checks] == [('torch', 'ok'), ('mmcv ops', 'fail')]
    assert 'died' in checks[-1].detail and '-11' in checks[-1].detail
    assert checks[-1].repair.endswith(' REINSTALL=mmcv')
    dead = doctor.read_child('', returncode=1)[0]
    assert dead.status == 'fail' and dead.repair.endswith(' REINSTALL=all')


def test_a_later_check_replaces_an_earlier_one_of_the_same_name():
    checks = doctor.merge(
        [
            doctor.Check('torchvision', 'fail', 'operator torchvision::nms does not exist'),
            doctor.Check('numpy', 'ok', '2.2.6'),
            doctor.Check('torchvision', 'ok', '0.26.0; Python part only'),
        ]
    )
    assert [(c.name, c.status) for c in checks] == [('torchvision', 'ok'), ('numpy', 'ok')]


@pytest.mark.parametrize(
    ('version', 'status'), [((3, 9, 1), 'fail'), ((3, 10, 0), 'ok'), ((3, 12, 9), 'ok')]
)
def test_python_versions(version, status):
    assert doctor.check_python(version).status == status
    assert doctor.check_python((3, 13, 0)).status == 'fail'


@pytest.mark.parametrize(
    ('name', 'version', 'status'),
    [
        ('numpy', '2.4.0', 'fail'),
        ('numpy', '2.3.5', None),
        ('numpy', '1.26.4', None),
        ('torch', '2.3.1', 'warn'),
        ('torch', '2.13.0+cpu', None),
        ('torch', '2.14.0', 'warn'),
        ('mmpose', '0.29.0', 'fail'),
        ('mmpose', '1.3.2', None),
    ],
)
def test_version_limits(name, version, status):
    problem = doctor.version_problem(name, version)
    assert (problem[0] if problem else None) == status


def test_packages_that_overwrite_each_other():
    assert doctor.check_rivals({'onedl-mmcv', 'mmengine', 'opencv-python-headless'}) == []
    both = {'mmcv', 'onedl-mmcv', 'opencv-python', 'opencv-python-headless'}
    checks = doctor.check_rivals(both)
    assert [(c.name, c.status) for c in checks] == [('mmcv', 'fail'), ('cv2', 'fail')]
    assert f'{sys.executable} -m pip uninstall -y mmcv onedl-mmcv && ' in checks[0].repair
    assert [check.repair.rpartition('=')[2] for check in checks] == ['mmcv', 'wheels']


def test_report_shows_repairs_below_their_lines():
    checks = [doctor.Check('torch', 'ok', '2.11.0'), doctor.Check('mmcv', 'fail', 'gone', 'make x')]
    assert doctor.format_report(checks).splitlines() == [
        'ok    torch  2.11.0',
        'fail  mmcv   gone',
        '             repair: make x',
    ]
