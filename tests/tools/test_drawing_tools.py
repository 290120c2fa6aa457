import cv2
import pytest
import torch

from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.run_config import load_config
from tests.apis.test_model_loading import TINY
from tests.tools.tool import load_tool


@pytest.fixture(autouse=True)
def data(tiny_mp100, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))


def test_draw_predictions(tmp_path):
    torch.save(build_model(load_config(TINY)).state_dict(), tmp_path / 'a.pth')
    out = tmp_path / 'new' / 'predictions.png'
    tool = load_tool('analysis/draw_predictions')
    arguments = ['--rows', '3', '--size', '64', '--query-rotation', '30', '--out', str(out)]
    tool.main([str(TINY), str(tmp_path / 'a.pth'), *arguments])
    assert cv2.imread(str(out)).shape == (3 * 82 + 2 * 4, 3 * 64 + 2 * 4, 3)


def test_rows_are_spread_over_the_list():
    spread = load_tool('analysis/draw_predictions').spread
    assert spread(12, 4).tolist() == [1, 4, 7, 10]
    assert spread(3, 12).tolist() == [0, 1, 2]


@pytest.mark.parametrize('part', ['train', 'test'])
def test_browse_episodes(tmp_path, part):
    tool = load_tool('browse_episodes')
    out = tmp_path / 'episodes.png'
    tool.main([str(TINY), '--part', part, '--rows', '2', '--size', '64', '--out', str(out)])
    assert cv2.imread(str(out)).shape == (2 * 82 + 4, 2 * 64 + 4, 3)


def test_browse_another_epoch_shows_another_draw(tmp_path):
    tool = load_tool('browse_episodes')
    pictures = []
    for epoch in ('0', '0', '1'):
        out = tmp_path / 'episodes.png'
        tool.main([str(TINY), '--rows', '2', '--epoch', epoch, '--out', str(out)])
        pictures.append(out.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_browse_past_the_end(tmp_path):
    with pytest.raises(SystemExit, match='episodes 0 to 7'):
        load_tool('browse_episodes').main([str(TINY), '--start', '8'])
