"""Build script; the metadata is here because the lists of requirements are in files."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# Shipped inside the package, in `.mim` as OpenMMLab's packages do, so that configs and tools are
# there after a plain `pip install` (kpt_plugins.apis.find_config).
MIM_ITEMS = ('configs', 'tools', 'model-index.yml')


def read_requirements(name: str) -> list[str]:
    """Return the requirements of ``requirements/NAME.txt`` without comments."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith('#')]


def read_version() -> str:
    text = (ROOT / 'kpt_plugins' / 'version.py').read_text()
    return re.search(r"__version__ = '(.+)'", text).group(1)


class BuildWithMim(build_py):
    """Adds ``.mim``: copies in a build, links to the originals in an editable install."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            self.add_mim(ROOT / 'kpt_plugins' / '.mim', link=True)
        else:
            self.add_mim(Path(self.build_lib) / 'kpt_plugins' / '.mim', link=False)

    @staticmethod
    def add_mim(target: Path, link: bool) -> None:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for item in MIM_ITEMS:
            source = ROOT / item
            if not source.exists():
                continue
            if link:
                try:
                    (target / item).symlink_to(Path('..', '..', item))
                    continue
                except OSError:
                    pass  # Windows without the right to make links: a copy it is.
            if source.is_dir():
                ignore = shutil.ignore_patterns('__pycache__', '*.py[co]')
                shutil.copytree(source, target / item, ignore=ignore)
            else:
                shutil.copy2(source, target / item)


EXTRAS = ('tests', 'demo', 'diffusion', 'export', 'formats')
extras = {name: read_requirements(name) for name in EXTRAS}
extras['all'] = sorted({line for lines in extras.values() for line in lines})
extras['all'] += read_requirements('optional')
readme = ROOT / 'README.md'

setup(
    name='kpt_plugins',
    version=read_version(),
    description='Keypoints from little annotation: few-shot, incremental, weak-shot and '
    'contrastive methods as plug-ins of MMPose 1.x',
    long_description=readme.read_text() if readme.exists() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    classifiers=[
        'Development Status :: 3 - Alpha',
        'Intended Audience :: Science/Research',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    python_requires='>=3.10,<3.13',
    packages=find_packages(include=['kpt_plugins', 'kpt_plugins.*']),
    # Data files lie beside the code that reads them, at most one folder down.
    package_data={
        '': ['py.typed', *(f'{d}*.{e}' for d in ('', '*/') for e in ('json', 'yml', 'txt'))]
    },
    include_package_data=False,
    install_requires=read_requirements('runtime'),
    extras_require=extras,
    entry_points=dict(console_scripts=['kpt = kpt_plugins.cli.main:main']),
    cmdclass={'build_py': BuildWithMim},
    zip_safe=False,
)
