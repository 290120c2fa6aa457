"""kpt doctor hands its options to tools/doctor.py, and its exit code back."""

import subprocess
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from kpt_plugins.cli.main import kpt


@pytest.mark.parametrize('code', [0, 1])
@pytest.mark.parametrize('options', [[], ['--json'], ['--brief'], ['--json', '--brief']])
def test_options_and_exit_code(monkeypatch, options, code):
    commands = []

    def run(command):
        commands.append(command)
        return SimpleNamespace(returncode=code)

    monkeypatch.setattr(subprocess, 'run', run)
    result = CliRunner().invoke(kpt, ['doctor', *options])
    assert result.exit_code == code
    ((_, tool, *passed),) = commands
    assert tool.name == 'doctor.py' and tool.is_file() and passed == options
