import pytest
from click.testing import CliRunner

from kpt_plugins.cli.main import kpt


def test_binds_to_this_computer_by_default():
    result = CliRunner().invoke(kpt, ['web', '--help'])
    assert result.exit_code == 0 and '127.0.0.1' in result.output


def test_gradio_is_asked_for_before_anything_is_loaded(monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'kpt_plugins\[demo\]'"):
        CliRunner().invoke(kpt, ['web', '--weights', 'no.pth'], catch_exceptions=False)


@pytest.mark.parametrize('arguments', [[], ['--weights', 'x', '--port', '0']])
def test_wrong_options(arguments):
    assert CliRunner().invoke(kpt, ['web', *arguments]).exit_code == 2
