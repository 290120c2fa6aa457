"""tools/make_synthetic.py from the command line."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import cv2
import pytest

TOOL = Path(__file__).parents[2] / 'tools' / 'make_synthetic.py'
SMALL = '--size 64 --categories 2 1 1 --train-images 2 --val-images 1 --test-images 1 --workers 1'


@pytest.fixture(scope='module')
def main():
    spec = importlib.util.spec_from_file_location('make_synthetic_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_writes_once(main, tmp_path, capsys):
    arguments = [*SMALL.split(), '--out', str(tmp_path / 'synth')]
    assert main(arguments) == 0
    assert '6 images of 4 categories (6 rendered now)' in capsys.readouterr().out
    assert main(arguments) == 0
    assert '(0 rendered now)' in capsys.readouterr().out
    assert json.loads((tmp_path / 'synth/manifest.json').read_text())['images'] == [2, 1, 1]

    assert main([*arguments, '--seed', '4']) == 1
    assert '--force' in capsys.readouterr().err
    assert main([*arguments, '--seed', '4', '--force']) == 0


def test_data_root_comes_from_the_environment(main, tmp_path, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tmp_path))
    assert main(SMALL.split()) == 0
    assert (tmp_path / 'synth/manifest.json').is_file()


def test_contact_sheet(main, tmp_path):
    sheet = tmp_path / 'sheet.png'
    arguments = [
        '--contact-sheet',
        str(sheet),
        '--sheet-categories',
        '0',
        '2',
        '--sheet-columns',
        '3',
    ]
    assert main([*SMALL.split(), '--out', str(tmp_path / 'none'), *arguments]) == 0
    assert cv2.imread(str(sheet)).shape == (256, 384, 3)
    assert not (tmp_path / 'none').exists()


def test_bad_value_is_named(main, tmp_path, capsys):
    assert main(['--size', '10', '--out', str(tmp_path)]) == 1
    assert 'size: 10' in capsys.readouterr().err
