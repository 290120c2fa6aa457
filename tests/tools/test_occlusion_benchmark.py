"""tools/occlusion_benchmark.py from the command line, on a stock heatmap model."""

import json

import pytest
import torch
from mmengine.config import Config

from kpt_plugins.apis.model_loading import build_model
from tests.apis.test_occlusion_benchmark import cfg, dots  # noqa: F401
from tests.tools.tool import load_tool

tool = load_tool('occlusion_benchmark')


@pytest.fixture
def files(cfg, tmp_path):  # noqa: F811
    """A config file and a checkpoint of random weights."""
    cfg.custom_imports = dict(imports=['kpt_plugins'])
    path = tmp_path / 'stock.py'
    cfg.dump(path)
    torch.manual_seed(0)
    model = build_model(Config.fromfile(path))
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'model.pth')
    return [str(path), str(tmp_path / 'model.pth')]


def test_files_and_table(files, tmp_path, capsys):
    out = tmp_path / 'new' / 'out'
    argv = [*files, '--out', str(out), '--levels', '3', '0', '0', '--seed', '4', '--thr', '0.2']
    assert tool.main([*argv, '--pictures', '2', '--device', 'cpu']) == 0
    printed = capsys.readouterr().out
    table = (out / 'levels.md').read_text()
    assert table in printed and 'PCK@0.2' in table
    assert [line[:4] for line in table.splitlines() if line.startswith('| L')] == ['| L0', '| L3']
    names = {path.name for path in out.iterdir()}
    assert names == {'levels.json', 'levels.md', 'levels.png', 'roc.png', 'pictures'}
    content = json.loads((out / 'levels.json').read_text())
    assert content['config'] == files[0] and content['checkpoint'] == files[1]
    assert content['seed'] == 4 and content['occluders'] is None
    assert len(list((out / 'pictures').iterdir())) == 2


def test_where_results_go_by_default(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tool.main([*files, '--levels', '1', '--device', 'cpu']) == 0
    out = tmp_path / 'work_dirs' / 'stock' / 'occlusion'
    assert (out / 'levels.md').is_file() and not (out / 'pictures').exists()


def test_errors_are_said_in_a_line(files, tmp_path, capsys):
    assert tool.main([files[0], str(tmp_path / 'no.pth'), '--out', str(tmp_path / 'o')]) == 1
    assert 'error: checkpoint' in capsys.readouterr().err
    assert tool.main([*files, '--out', str(tmp_path / 'o'), '--occluders', str(tmp_path)]) == 1
    assert 'no image in it' in capsys.readouterr().err
    assert tool.main([*files, '--out', str(tmp_path / 'o'), '--device', 'cuda:99']) == 1
    assert "error: device 'cuda:99' cannot be used" in capsys.readouterr().err
    assert tool.main([*files, '--out', files[0]]) == 1
    assert 'error: ' in capsys.readouterr().err


@pytest.mark.parametrize('argv', [['--levels', '4'], ['--pictures', '-1'], ['--norm', 'torso']])
def test_wrong_options(files, argv, capsys):
    with pytest.raises(SystemExit):
        tool.parse_args([*files, *argv])
    assert argv[0] in capsys.readouterr().err
