"""The package as its users get it: built, installed elsewhere, and run from there."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ('configs', 'tools')
PARTS = ('kpt_plugins', *SHIPPED, 'requirements')
FILES = ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'model-index.yml', 'LICENSE')


def run(*command: object, cwd: Path, **env: str) -> str:
    """Run a command; return its output, which is in the failure's message too."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, 'PIP_NO_INDEX': '1', **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def source_files(folder: Path) -> set[str]:
    """Paths of a folder's files relative to it, without caches and links to elsewhere."""
    files = (path.relative_to(folder) for path in folder.rglob('*') if path.is_file())
    return {
        path.as_posix()
        for path in files
        if '__pycache__' not in path.parts and '.mim' not in path.parts
    }


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
    """A copy of what packages are built from, as an editable install leaves it."""
    folder = tmp_path_factory.mktemp('checkout')
    ignore = shutil.ignore_patterns('__pycache__', '.mim')
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=ignore)
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    (folder / 'README.md').write_text('# title\n')
    run(sys.executable, 'setup.py', '-q', 'editable_wheel', '-d', folder / 'editable', cwd=folder)
    return folder


@pytest.fixture(scope='module')
def sdist(checkout):
    run(sys.executable, 'setup.py', '-q', 'sdist', cwd=checkout)
    (path,) = (checkout / 'dist').glob('*.tar.gz')
    return path


@pytest.fixture(scope='module')
def wheel(sdist, tmp_path_factory):
    """The wheel, built from the source distribution: so that one has all it needs, too."""
    folder = tmp_path_factory.mktemp('wheel')
    pip = (sys.executable, '-m', 'pip', '-q', 'wheel')
    run(*pip, '--no-deps', '--no-build-isolation', '-w', folder, sdist, cwd=folder)
    (path,) = folder.glob('*.whl')
    return path


@pytest.fixture(scope='module')
def site(wheel, tmp_path_factory):
    """A folder with the installed wheel and nothing else."""
    folder = tmp_path_factory.mktemp('site')
    pip = (sys.executable, '-m', 'pip', '-q', 'install')
    run(*pip, '--no-deps', '--target', folder, wheel, cwd=folder)
    return folder


def test_editable_install_links_to_the_checkout(checkout):
    for name in (*SHIPPED, 'model-index.yml'):
        link = checkout / 'kpt_plugins' / '.mim' / name
        assert link.is_symlink() and link.resolve() == checkout / name


def test_sdist_holds_the_sources(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition('/')[2] for name in archive.getnames()}
    assert {*FILES, 'requirements/lock.txt', 'tools/install.sh'} <= names
    assert not [name for name in names if '.mim' in name or name.endswith('.pyc')]


def test_wheel_holds_code_data_configs_and_tools(wheel, checkout):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith('/')}
    code = {name for name in names if name.startswith('kpt_plugins/') and '/.mim/' not in name}
    assert code == {f'kpt_plugins/{name}' for name in source_files(checkout / 'kpt_plugins')}
    assert 'kpt_plugins/py.typed' in names
    for part in SHIPPED:
        shipped = {name for name in names if name.startswith(f'kpt_plugins/.mim/{part}/')}
        assert shipped == {
            f'kpt_plugins/.mim/{part}/{name}' for name in source_files(checkout / part)
        }
        assert shipped
    assert 'kpt_plugins/.mim/model-index.yml' in names
    assert any(name.endswith('/LICENSE') for name in names)
    # Nothing but the package: no `tests` or `tools` at the top of site-packages.
    assert {name.split('/')[0].split('-')[0] for name in names} == {'kpt_plugins'}


def test_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith('.dist-info/METADATA'))
        metadata = Parser().parsestr(archive.read(name).decode())
    from kpt_plugins import __version__

    assert metadata['Version'] == __version__
    assert set(metadata['Requires-Python'].split(',')) == {'>=3.10', '<3.13'}
    extras = {'tests', 'demo', 'diffusion', 'export', 'formats', 'all'}
    assert set(metadata.get_all('Provides-Extra')) == extras
    required = [line for line in metadata.get_all('Requires-Dist') if 'extra ==' not in line]
    assert any(line.startswith('torch') for line in required)
    # Stock and fork share import names: pip must never put one over the other.
    for line in metadata.get_all('Requires-Dist'):
        assert not line.lower().startswith(('mm', 'onedl', 'opencv', 'xtcocotools')), line


def test_installed_package_finds_its_own_configs(site, tmp_path):
    code = (
        'import kpt_plugins; from kpt_plugins.apis import config_folder, find_config; '
        'print(kpt_plugins.__file__); print(config_folder()); '
        'print(find_config("_base_/default_runtime.py"))'
    )
    lines = run(sys.executable, '-c', code, cwd=tmp_path, PYTHONPATH=str(site)).splitlines()
    configs = site / 'kpt_plugins' / '.mim' / 'configs'
    assert lines[-3:] == [
        str(site / 'kpt_plugins' / '__init__.py'),
        str(configs),
        str(configs / '_base_' / 'default_runtime.py'),
    ]


def test_installed_package_trains_from_a_shipped_config(site, tiny_mp100, tmp_path):
    """Two iterations, from a folder with no checkout in sight."""
    output = run(
        sys.executable,
        site / 'kpt_plugins' / '.mim' / 'tools' / 'train.py',
        'fmmp_mp100_split1',
        '--no-validate',
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'train_dataloader.dataset.num_episodes=4',
        'train_dataloader.batch_size=2',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'model.backbone.init_cfg=None',
        'default_hooks.logger.interval=1',
        cwd=tmp_path,
        PYTHONPATH=str(site),
        KPT_DATA_ROOT=str(tiny_mp100.parent),
        CUDA_VISIBLE_DEVICES='',
    )
    assert 'Epoch(train) [1][2/2]' in output
    assert 'nan' not in output.split('Epoch(train)')[-1]
    checkpoint = tmp_path / 'work_dirs' / 'fmmp_mp100_split1' / 'epoch_1.pth'
    assert checkpoint.is_file()
    config = (checkpoint.parent / 'fmmp_mp100_split1.py').read_text()
    assert 'FMMPHead' in config
