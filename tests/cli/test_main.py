import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from kpt_plugins.cli import main
from kpt_plugins.cli.main import COMMANDS, kpt


@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_explains_itself(name):
    result = CliRunner().invoke(kpt, [name, '--help'])
    assert result.exit_code == 0 and 'Usage' in result.output


def test_unknown_command():
    result = CliRunner().invoke(kpt, ['nothing'])
    assert result.exit_code == 2 and 'nothing' in result.output


def test_help_needs_nothing_slow():
    code = 'import sys; from kpt_plugins.cli.main import kpt; kpt(["--help"])'
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert result.returncode == 0 and 'Usage' in result.stdout


def test_mmdetection_is_not_imported_without_need():
    code = 'import sys, kpt_plugins; sys.exit("mmdet.datasets" in sys.modules)'
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ('error', 'message'),
    [
        (ValueError('file x, field y'), 'file x, field y'),
        (FileNotFoundError('file x, field y'), 'file x, field y'),
        (ImportError('file x, field y'), 'file x, field y'),
        (NotADirectoryError(20, 'Not a directory', 'a/b'), 'a/b: Not a directory'),
        (OSError(28, 'No space left on device'), 'No space left on device'),
    ],
)
def test_mistakes_end_in_a_message(monkeypatch, capsys, error, message):
    @click.command()
    def broken() -> None:
        raise error

    monkeypatch.setattr(main, 'kpt', lambda: broken([], standalone_mode=False))
    with pytest.raises(SystemExit) as exit:
        main.main()
    assert exit.value.code == 1 and capsys.readouterr().err == f'Error: {message}\n'
