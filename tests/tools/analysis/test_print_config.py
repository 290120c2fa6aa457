import pytest

from tests.apis.test_model_loading import TINY
from tests.tools.tool import load_tool

tool = load_tool('analysis/print_config')


def test_prints_inherited_and_overridden(capsys):
    tool.main([str(TINY), '--cfg-options', 'train_cfg.max_epochs=77'])
    printed = capsys.readouterr().out
    assert 'max_epochs=77' in printed
    assert 'SafeCheckpointHook' in printed


def test_written_config_is_complete(tmp_path):
    tool.main([str(TINY), '--out', str(tmp_path / 'whole.py')])
    assert '_base_' not in (tmp_path / 'whole.py').read_text()


def test_missing():
    with pytest.raises(FileNotFoundError, match='tiny_fmm'):
        tool.main([str(TINY.with_name('tiny_fmm.py'))])
