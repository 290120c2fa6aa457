"""Say which versions are installed, what will not work, and the command that repairs it.

Usage::

    python tools/doctor.py            # a table; exit status 1 when training could not run
    python tools/doctor.py --json     # the same for programs
    python tools/doctor.py --brief    # problems only, one line when all is well

Needs nothing but the standard library, so that it runs where torch or an mm package is missing or
broken. What may crash is imported in a child process: when that dies, its last step is the culprit.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.metadata
import io
import json
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IN_VENV = sys.prefix != sys.base_prefix
VENV = sys.prefix if IN_VENV and Path(sys.prefix) != ROOT / '.venv' else '.venv'
INSTALL = 'make install' if VENV == '.venv' else f'make install VENV={VENV}'
PIP = f'{sys.executable} -m pip'
# Which stage of tools/install.sh brings a package, by import name; `wheels` brings all others.
STAGES = {
    'torch': 'torch',
    'torchvision': 'torch',
    'devices': 'torch',
    'mmcv': 'mmcv',
    'mmcv ops': 'mmcv',
    'mmdet': 'sources',
    'xtcocotools': 'sources',
    'kpt_plugins': 'package',
}
MARK = '@doctor '  # begins the child's lines among what imported packages print
# Import name, and whether training needs it.
PACKAGES = (
    ('torch', True),
    ('torchvision', True),
    ('numpy', True),
    ('cv2', True),
    ('mmengine', True),
    ('mmcv', True),
    ('mmdet', False),
    ('xtcocotools', True),
    ('mmpose', True),
)
# Distributions that write to the same import name; only one of each may be there.
RIVALS = (
    ('mmengine', ('mmengine', 'mmengine-lite', 'onedl-mmengine')),
    ('mmcv', ('mmcv', 'mmcv-full', 'mmcv-lite', 'onedl-mmcv')),
    ('mmdet', ('mmdet', 'onedl-mmdetection')),
    (
        'cv2',
        (
            'opencv-python',
            'opencv-python-headless',
            'opencv-contrib-python',
            'opencv-contrib-python-headless',
        ),
    ),
)


@dataclass
class Check:
    """One line of the report.

    Attributes:
        name: what was looked at.
        status: ``'ok'``, ``'warn'`` (something optional will not work) or ``'fail'`` (training
            could not run).
        detail: version, or what is wrong.
        repair: the command or action that repairs it, empty where there is nothing to do.
    """

    name: str
    status: str
    detail: str
    repair: str = ''


def version_tuple(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: ``'2.13.0+cpu'`` -> ``(2, 13, 0)``."""
    numbers = []
    for part in text.split('+')[0].split('.'):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def reinstall(stage: str) -> str:
    """Return the command that installs a stage again.

    A plain `make install` trusts its stamps, and pip the metadata of what is installed; neither
    sees that files are gone or replaced.
    """
    return f'{INSTALL} REINSTALL={stage}'


def stage_of(name: str) -> str:
    """Return the stage of tools/install.sh that brings a package."""
    return STAGES.get(name, 'wheels')


def culprit(name: str, error: BaseException) -> str:
    """Return the package that an import failed in: the missing one, or the innermost installed one
    in the traceback; by default the one that was imported."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return error.name.partition('.')[0]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        parts = Path(frame.filename).parts
        if 'site-packages' in parts:
            return parts[parts.index('site-packages') + 1].removesuffix('.py')
    return name


def check_environment() -> list[Check]:
    """Notice that this is not the Python that `make install` set up."""
    python = ROOT / '.venv' / 'bin' / 'python'
    if IN_VENV or not python.exists():
        return []
    detail = f'{sys.executable} is outside of the environment in .venv'
    return [Check('environment', 'warn', detail, '.venv/bin/python tools/doctor.py')]


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """Python 3.13 has no xtcocotools, and below 3.10 most of the pins end."""
    text = '.'.join(map(str, version))
    if (3, 10) <= version[:2] <= (3, 12):
        return Check('python', 'ok', text)
    repair = f'{INSTALL} VENV=.venv-new PYTHON=python3.11'
    return Check('python', 'fail', f'{text}; supported are 3.10, 3.11 and 3.12', repair)


def installed_distributions() -> set[str]:
    """Return the names of all installed distributions, in lower case with dashes."""
    names = (dist.metadata['Name'] for dist in importlib.metadata.distributions())
    return {name.lower().replace('_', '-') for name in names if name}


def check_rivals(installed: set[str]) -> list[Check]:
    """Find pairs of distributions that overwrite each other's files."""
    checks = []
    for import_name, rivals in RIVALS:
        found = [name for name in rivals if name in installed]
        if len(found) > 1:
            detail = f'{" and ".join(found)} are both installed and overwrite each other'
            # Removing one takes files of the other with it, so both go.
            again = reinstall(stage_of(import_name))
            repair = f'{PIP} uninstall -y {" ".join(found)} && {again}'
            checks.append(Check(import_name, 'fail', detail, repair))
    return checks


def check_import(name: str, needed: bool) -> Check:
    """Import a package and check its version's known limits."""
    bad = 'fail' if needed else 'warn'
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name == name
        detail = 'not installed' if missing else f'does not import: {error}'
        return Check(name, bad, detail, reinstall(stage_of(culprit(name, error))))
    except Exception as error:  # whatever a broken package raises is the finding
        first_line = (str(error).splitlines() or [''])[0]
        detail = f'does not import: {type(error).__name__}: {first_line}'
        return Check(name, bad, detail, reinstall(stage_of(culprit(name, error))))
    version = str(getattr(module, '__version__', '')) or distribution_version(name)
    problem = version_problem(name, version)
    return Check(name, *problem) if problem else Check(name, 'ok', version)


def distribution_version(name: str) -> str:
    """Return a version from the package's metadata, for modules that do not carry it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return 'unknown version'


def version_problem(name: str, version: str) -> tuple[str, str, str] | None:
    """Return status, detail and repair for versions known not to work."""
    number = version_tuple(version)
    if name == 'torch' and not (2, 4) <= number[:2] <= (2, 13):
        return 'warn', f'{version}; tested are 2.4 to 2.13', reinstall('torch')
    if name == 'numpy' and number[:2] >= (2, 4):
        detail = f'{version}; from 2.4 on mmpose cannot draw nor build some datasets'
        return 'fail', detail, reinstall('wheels')
    if name == 'mmpose' and number[:1] != (1,):
        return 'fail', f'{version}; needed is 1.x', reinstall('wheels')
    return None


def check_torch_runs() -> list[Check]:
    """Do one tiny training step on every kind of device that torch reports."""
    import torch

    checks = []
    for device in ['cpu'] + (['cuda'] if torch.cuda.is_available() else []):
        try:
            layer = torch.nn.Conv2d(3, 4, 3).to(device)
            layer(torch.ones(1, 3, 8, 8, device=device)).sum().backward()
            name = torch.cuda.get_device_name(0) if device == 'cuda' else 'a training step runs'
            checks.append(Check(device, 'ok', name))
        except Exception as error:
            first_line = str(error).splitlines()[0]
            detail = f'a training step fails: {first_line}'
            repair = f'{INSTALL} TORCH_FILE=... (a torch build for this machine, docs/install.md)'
            checks.append(Check(device, 'fail', detail, repair))
    if len(checks) == 1:
        built_for = torch.version.cuda
        detail = f'no GPU (torch is built {f"for CUDA {built_for}" if built_for else "for CPU"})'
        checks.append(Check('cuda', 'ok', detail))
    return checks


def check_repairs() -> list[Check]:
    """Apply the import-time repairs and say what they had to do."""
    from kpt_plugins import compat

    # torchvision's report comes from here: a failure that the repair heals is none.
    checks = []
    if compat.repair_torchvision():
        import torchvision

        detail = f'{torchvision.__version__}; Python part only, the compiled one does not fit torch'
        checks.append(Check('torchvision', 'ok', detail))
    ops = compat.compiled_ops()
    import torch

    if ops == 'none':
        reason = sys.modules['mmcv._ext'].reason
        detail = f'none ({reason}): DEKR, two-stage detectors and, on GPU, EDPose will not work'
        checks.append(Check('mmcv ops', 'warn', detail, f'{reinstall("mmcv")} MMCV_OPS=1'))
    elif ops == 'cpu' and torch.cuda.is_available():
        detail = 'CPU only: on GPU, multi-scale deformable attention runs in plain PyTorch'
        repair = f'install nvcc, then {reinstall("mmcv")} MMCV_OPS=1'
        checks.append(Check('mmcv ops', 'warn', detail, repair))
    else:
        devices = 'CPU and CUDA' if ops == 'cuda' else 'CPU'
        checks.append(Check('mmcv ops', 'ok', f'compiled for {devices}'))
    return checks


def check_package() -> list[Check]:
    """Import the package, which registers everything, and MMPose's own modules."""
    from mmpose.utils import register_all_modules

    import kpt_plugins

    register_all_modules()
    place = Path(kpt_plugins.__file__).parent
    return [Check('kpt_plugins', 'ok', f'{kpt_plugins.__version__} in {place}')]


def child_steps() -> list[tuple[str, Callable[[], list[Check]]]]:
    """Return what the child process does, in the order in which imports build on each other."""
    steps: list[tuple[str, Callable[[], list[Check]]]] = []
    for name, needed in PACKAGES:
        if name == 'mmengine':
            steps.append(('devices', check_torch_runs))
        if name == 'mmpose':
            steps.append(('mmcv ops', check_repairs))
        steps.append((name, lambda n=name, required=needed: [check_import(n, required)]))
    steps.append(('kpt_plugins', check_package))
    return steps


def run_child() -> None:
    """Run all steps, writing a line before and after each."""
    sys.path.insert(0, str(ROOT))
    out = sys.stdout
    warnings.simplefilter('ignore')
    for name, step in child_steps():
        print(MARK + json.dumps({'begin': name}), file=out, flush=True)
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                checks = step()
            except Exception as error:
                first_line = (str(error).splitlines() or [''])[0]
                detail = f'{type(error).__name__}: {first_line}'
                checks = [Check(name, 'fail', detail, reinstall(stage_of(culprit(name, error))))]
        print(MARK + json.dumps({'checks': [asdict(c) for c in checks]}), file=out, flush=True)
    print(MARK + json.dumps({'begin': None}), file=out, flush=True)


def merge(checks: list[Check]) -> list[Check]:
    """Keep the last line of each name, at the place of its first."""
    latest = {check.name: check for check in checks}
    return list({check.name: latest[check.name] for check in checks}.values())


def read_child(text: str, returncode: int) -> list[Check]:
    """Turn the child's output into checks; a child that died is a failed one."""
    checks: list[Check] = []
    running: str | None = 'start'
    for line in text.splitlines():
        if not line.startswith(MARK):
            continue
        message = json.loads(line[len(MARK) :])
        if 'checks' in message:
            checks += [Check(**values) for values in message['checks']]
        else:
            running = message['begin']
    if running is not None:
        detail = f'the process died while this was imported (status {returncode})'
        # what is imported last imports all the others
        stage = 'all' if running in ('start', 'kpt_plugins') else stage_of(running)
        checks.append(Check(running, 'fail', detail, reinstall(stage)))
    return merge(checks)


def diagnose() -> list[Check]:
    """Return all checks."""
    command = [sys.executable, str(Path(__file__).resolve()), '--child']
    child = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    rivals = check_rivals(installed_distributions())
    return [
        check_python(),
        *check_environment(),
        *rivals,
        *read_child(child.stdout, child.returncode),
    ]


def format_report(checks: list[Check]) -> str:
    """Format the checks as a table, with the repairs below their lines."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f'{check.status:4}  {check.name:{width}}  {check.detail}')
        if check.repair:
            lines.append(f'{"":4}  {"":{width}}  repair: {check.repair}')
    return '\n'.join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument('--brief', action='store_true', help='print problems only')
    parser.add_argument('--child', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        run_child()
        return 0
    checks = diagnose()
    usable = all(check.status != 'fail' for check in checks)
    if args.json:
        print(json.dumps({'ok': usable, 'checks': [asdict(check) for check in checks]}, indent=2))
        return 0 if usable else 1
    shown = [c for c in checks if c.status != 'ok'] if args.brief else checks
    if shown:
        print(format_report(shown))
    print('Training can run.' if usable else 'Training could NOT run: see the lines marked "fail".')
    return 0 if usable else 1


if __name__ == '__main__':
    sys.exit(main())
