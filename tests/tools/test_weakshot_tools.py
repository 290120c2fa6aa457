import json

import cv2
import pytest
import torch

from kpt_plugins.apis.model_loading import build_model, load_model
from kpt_plugins.apis.run_config import load_config
from tests.apis.test_prompt_assignment import TINY
from tests.tools.tool import load_tool


@pytest.fixture(autouse=True)
def _data(tiny_mp100, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    content = dict(state_dict=build_model(load_config(TINY)).state_dict(), meta=dict(iter=7))
    torch.save(content, tmp_path / 'epoch_1.pth')
    return tmp_path / 'epoch_1.pth'


def test_fit_prompt_assignment(checkpoint, tmp_path, capsys):
    out, named = tmp_path / 'names.json', tmp_path / 'named.pth'
    tool = load_tool('fit_prompt_assignment')
    arguments = ['--categories', '2', '--out', str(out), '--save-checkpoint', str(named)]
    assert tool.main([str(TINY), str(checkpoint), *arguments]) == 0
    (category,) = json.loads(out.read_text())['categories']
    assert category['category_id'] == 2 and category['num_images'] == 3
    model = load_model(load_config(TINY), named)
    assert model.prompt_names.get(2).tolist() == category['prompts']
    assert 'names of 1 categories written' in capsys.readouterr().out


def test_own_annotated_images(checkpoint, tiny_mp100, tmp_path, capsys):
    out = tmp_path / 'names.json'
    arguments = ['--ann-file', 'annotations/mp100_split1_val.json', '--data-root', str(tiny_mp100)]
    arguments += ['--max-images', '4', '--out', str(out)]
    tool = load_tool('fit_prompt_assignment')
    assert tool.main([str(TINY), str(checkpoint), *arguments]) == 0
    categories = json.loads(out.read_text())['categories']
    assert [c['category_id'] for c in categories] == [6, 12, 22, 35, 48, 66]
    assert {c['num_images'] for c in categories} == {4}
    # the names of one category under another id, that of a folder for example
    chosen = [*arguments, '--categories', '12', '--as-category', '500']
    assert tool.main([str(TINY), str(checkpoint), *chosen]) == 0
    (category,) = json.loads(out.read_text())['categories']
    assert category['category_id'] == 500
    assert tool.main([str(TINY), str(checkpoint), *arguments, '--as-category', '500']) == 1
    assert 'is for one category' in capsys.readouterr().err


def test_visualize(checkpoint, tmp_path, capsys):
    tool = load_tool('visualize_weakshot')
    arguments = ['--out', str(tmp_path / 'new'), '--rows', '2', '--size', '48']
    assert tool.main([str(TINY), str(checkpoint), *arguments]) == 0
    picture = cv2.imread(str(tmp_path / 'new' / 'epoch_1.png'))
    assert picture.shape == (2 * (48 + 18) + 4, 6 * 48 + 5 * 4, 3)
    assert tool.main([str(TINY), str(checkpoint), *arguments, '--categories', '4711']) == 1
    assert 'categories [4711]' in capsys.readouterr().err


def test_visualize_for_tensorboard(checkpoint, tmp_path):
    pytest.importorskip('tensorboard')
    tool = load_tool('visualize_weakshot')
    board = tmp_path / 'board'
    arguments = ['--out', str(tmp_path), '--rows', '1', '--size', '32', '--tensorboard', str(board)]
    assert tool.main([str(TINY), str(checkpoint), *arguments]) == 0
    assert list(board.glob('events*'))


def test_probe(checkpoint, tmp_path, capsys):
    out = tmp_path / 'new' / 'probes.json'
    tool = load_tool('analysis/probe_weakshot')
    assert tool.main([str(TINY), str(checkpoint), '--pairs', '2', '--out', str(out)]) == 0
    means = json.loads(out.read_text())['means']
    assert {key.partition('/')[0] for key in means} == {'base', 'novel'}
    assert 'novel/transfer_PCK@0.2' in capsys.readouterr().out


def test_wrong_arguments(checkpoint, capsys):
    for name, arguments, message in (
        ('fit_prompt_assignment', ['--max-images', '0'], '--max-images 0: expected 1 or more'),
        ('fit_prompt_assignment', ['--as-category', '3'], '--as-category needs --ann-file'),
        ('fit_prompt_assignment', ['--as-category', '-1', '--ann-file', 'a'], 'expected 0 or more'),
        ('fit_prompt_assignment', ['--images', 'a'], '--images needs --ann-file'),
        ('fit_prompt_assignment', ['--prediction-only'], 'needs --save-checkpoint'),
        ('fit_prompt_assignment', ['--save-checkpoint', '.'], '--save-checkpoint . is a folder'),
        ('visualize_weakshot', ['--rows', '0'], '--rows 0: expected 1 or more'),
        ('visualize_weakshot', [f'a/{checkpoint.name}'], 'several checkpoints have one name'),
        ('analysis/probe_weakshot', ['--pairs', '0'], '--pairs 0: expected 1 or more'),
        ('analysis/probe_weakshot', ['--noise', '-1'], '--noise -1.0: expected 0 or more'),
    ):
        with pytest.raises(SystemExit):
            load_tool(name).main([str(TINY), str(checkpoint), *arguments])
        assert message in capsys.readouterr().err
    for name in ('fit_prompt_assignment', 'visualize_weakshot', 'analysis/probe_weakshot'):
        assert load_tool(name).main([str(TINY), 'nowhere.pth']) == 1
        assert 'nowhere.pth does not exist' in capsys.readouterr().err
        assert load_tool(name).main([str(TINY), str(checkpoint), '--device', 'gpu']) == 1
        assert "device 'gpu' cannot be used" in capsys.readouterr().err
        assert load_tool(name).main(['fmmp_synth', str(checkpoint)]) == 1
        message = "model.type is 'FewShotPoseEstimator', expected a WeakShotPoseEstimator"
        assert message in capsys.readouterr().err
