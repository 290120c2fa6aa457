"""tools/check_dataset.py from the command line."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import coco_file, write_coco

TOOL = Path(__file__).parents[2] / 'tools' / 'check_dataset.py'


@pytest.fixture(scope='module')
def main():
    spec = importlib.util.spec_from_file_location('check_dataset_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_good_and_bad_data(main, tmp_path, capsys):
    path = write_coco(tmp_path, coco_file())
    out = tmp_path / 'new' / 'report.json'
    arguments = [str(path), '--images', str(tmp_path / 'images'), '--json', str(out)]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert 'thing' in text and 'can be used' in text
    assert json.loads(out.read_text())['ok']

    (tmp_path / 'images/0.png').write_bytes(b'GIF')
    assert main(arguments) == 1
    assert 'undecodable image' in capsys.readouterr().out
    report = json.loads(out.read_text())
    assert not report['ok'] and report['images']['undecodable image'] == 1
    assert main([*arguments, '--no-decode']) == 0

    (tmp_path / 'images/0.png').unlink()
    assert main([*arguments, '--no-decode']) == 1
    assert main([*arguments, '--no-decode', '--allow-missing']) == 0


def test_misspelt_image_directory(main, tmp_path, capsys):
    path = write_coco(tmp_path, coco_file())
    assert main([str(path), '--images', str(tmp_path / 'imagse')]) == 1
    text = capsys.readouterr().out
    assert 'imagse: there is no such directory' in text
    assert 'instances' in text and 'missing' not in text and 'broken' not in text


def test_not_coco_like(main, tmp_path, capsys):
    (tmp_path / 'a.json').write_text('{"shapes": []}')
    assert main([str(tmp_path / 'a.json')]) == 1
    text = capsys.readouterr().out
    assert 'expected an object with the lists images, annotations, categories' in text


def test_help():
    result = subprocess.run(
        [sys.executable, str(TOOL), '--help'], capture_output=True, text=True, check=True
    )
    assert '--images' in result.stdout and '--json' in result.stdout
