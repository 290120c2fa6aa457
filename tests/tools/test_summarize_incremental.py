"""tools/summarize_incremental.py from the command line."""

from __future__ import annotations

import json
import subprocess
import sys

import cv2
import pytest

from tests.evaluation.incremental_rows import MATRIX, change_row, write_run

from .tool import TOOLS, load_tool


@pytest.fixture(scope='module')
def main():
    return load_tool('summarize_incremental').main


@pytest.fixture
def folders(tmp_path):
    return [str(write_run(tmp_path / name)) for name in ('kamp_seed0', 'kamp_seed1', 'lwf_seed0')]


def test_files(main, folders, tmp_path, capsys):
    prefix = tmp_path / 'new' / 'summary.v1'
    assert main([*folders, '--out', str(prefix)]) == 0
    out = capsys.readouterr().out
    table = prefix.with_name('summary.v1.md').read_text()
    assert table in out and '| kamp | 2 | 57.8 ± 0.0 |' in table and '| lwf | 1 |' in table
    content = json.loads(prefix.with_name('summary.v1.json').read_text())
    assert list(content['methods']) == ['kamp', 'lwf']
    assert content['methods']['lwf']['runs'][0]['matrix'] == MATRIX
    assert cv2.imread(str(prefix.with_name('summary.v1.png'))) is not None
    assert len(list(prefix.parent.iterdir())) == 3


def test_earlier_summaries(main, folders, tmp_path):
    """Folders and JSON of them give the same."""
    first, second = tmp_path / 'first', tmp_path / 'second'
    assert main([*folders[:2], '--out', str(first)]) == 0
    assert main([f'{first}.json', folders[2], '--out', str(second)]) == 0
    assert main([*folders, '--out', str(first)]) == 0
    for suffix in ('json', 'md'):
        assert (tmp_path / f'first.{suffix}').read_text() == (
            tmp_path / f'second.{suffix}'
        ).read_text()


@pytest.mark.parametrize('content', ['{', '[]', '{"base": "pck"}'])
def test_broken_summary(main, tmp_path, capsys, content):
    (tmp_path / 'x.json').write_text(content)
    assert main([str(tmp_path / 'x.json'), '--out', str(tmp_path / 'summary')]) == 1
    assert 'x.json' in capsys.readouterr().err
    assert main([str(tmp_path / 'y.json'), '--out', str(tmp_path / 'summary')]) == 1


def test_runs_that_cannot_be_compared(main, folders, tmp_path, capsys):
    for step in range(3):
        change_row(tmp_path / 'lwf_seed0', step, thr=0.2)
    assert main([*folders, '--out', str(tmp_path / 'summary')]) == 1
    captured = capsys.readouterr()
    assert 'error: ' in captured.err and 'thr is 0.1 and 0.2' in captured.err
    assert main([str(tmp_path / 'none'), '--out', str(tmp_path / 'summary')]) == 1
    assert 'not the folder of a run' in capsys.readouterr().err
    assert not list(tmp_path.glob('summary*'))


@pytest.mark.parametrize('out', ['', 'folder/'])
def test_out_is_a_prefix(main, folders, tmp_path, capsys, out):
    with pytest.raises(SystemExit):
        main([*folders, '--out', f'{tmp_path}/{out}'])
    assert 'is a directory' in capsys.readouterr().err


def test_help():
    result = subprocess.run(
        [sys.executable, str(TOOLS / 'summarize_incremental.py'), '--help'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'METHOD_seedN' in result.stdout and '--out PREFIX' in result.stdout
