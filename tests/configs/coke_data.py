"""Small data sets for every CoKe config, converted from small releases by our converters."""

from __future__ import annotations

import os
from pathlib import Path

from kpt_plugins.datasets.pascal3d_keypoints import KEYPOINTS
from tests.configs.ikl_data import write_data
from tests.rigid_data import write_objectnet3d, write_occluded, write_pascal3d
from tests.tools.tool import load_tool

OBJECTNET3D = dict(
    bed=20,
    bookshelf=12,
    cabinet=16,
    calculator=12,
    cellphone=16,
    computer=8,
    guitar=18,
    iron=11,
    knife=10,
    microwave=12,
    pen=12,
    pot=13,
    rifle=18,
    slipper=8,
    stove=8,
    toilet=16,
    tub=8,
    wheelchair=24,
)
"""Numbers of keypoints of ObjectNet3D's CAD models."""


def write_coke_data(root: Path, releases: Path) -> None:
    """Write all of them below a root, as the converters' help says."""
    pascal3d = write_pascal3d(releases / 'pascal3d', KEYPOINTS)
    _convert('pascal3d', pascal3d, '-o', root / 'pascal3d' / 'annotations')
    os.symlink(pascal3d / 'Images', root / 'pascal3d' / 'images')
    occluded = write_occluded(root / 'occluded_pascal3d', ['car'])
    options = ('--categories', 'car', '-o', occluded / 'annotations')
    _convert('occluded_pascal3d', occluded, '--pascal3d', pascal3d, *options)
    names = {c: [f'{c}{k}' for k in range(n)] for c, n in OBJECTNET3D.items()}
    objectnet3d = write_objectnet3d(releases / 'objectnet3d', names)
    _convert('objectnet3d', objectnet3d, '-o', root / 'objectnet3d' / 'annotations')
    os.symlink(objectnet3d / 'Images', root / 'objectnet3d' / 'images')
    write_data(root)  # MPII among them


def _convert(name: str, *arguments: object) -> None:
    assert load_tool(f'dataset_converters/{name}_to_coco').main(list(map(str, arguments))) == 0
