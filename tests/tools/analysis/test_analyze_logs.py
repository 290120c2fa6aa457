import json

import pytest

from tests.tools.tool import load_tool

tool = load_tool('analysis/analyze_logs')


def write_log(work_dir, start, entries, tail=''):
    path = work_dir / start / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(json.dumps(entry) for entry in entries) + tail)


@pytest.fixture
def work_dir(tmp_path):
    first = [{'loss': 9.0 - i, 'lr': 0.1, 'step': i} for i in range(1, 5)]
    write_log(tmp_path, '20260101_000000', first, tail='\n{"loss": 1.0, "st')
    # Resumed from iteration 2: iterations 3 and 4 were done again.
    again = [{'loss': 20.0 + i, 'lr': 0.1, 'step': i} for i in range(3, 6)]
    again.append({'model/mPCK': 0.5, 'step': 1})
    write_log(tmp_path, '20260102_000000', again)
    return tmp_path


def test_resumed_run_is_one_curve(work_dir):
    curves = tool.read_curves(tool.find_logs(str(work_dir)))
    assert curves['loss'] == ([1, 2, 3, 4, 5], [8, 7, 23, 24, 25])
    assert curves['model/mPCK'] == ([1], [0.5])


def test_table_and_picture(work_dir, tmp_path, capsys):
    tool.main([str(work_dir), '--out', str(tmp_path / 'new' / 'curves.png')])
    printed = capsys.readouterr().out
    assert 'model/mPCK' in printed and 'copy_baseline/mPCK          not in the log' in printed
    assert (tmp_path / 'new' / 'curves.png').stat().st_size > 1000


def test_list(work_dir, capsys):
    tool.main([str(work_dir), '--list'])
    assert capsys.readouterr().out.split() == ['loss', 'lr', 'model/mPCK']


def test_no_log(tmp_path):
    with pytest.raises(FileNotFoundError, match='no log'):
        tool.main([str(tmp_path)])


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match='run_a: there is no such folder or log file'):
        tool.main([str(tmp_path / 'run_a')])
