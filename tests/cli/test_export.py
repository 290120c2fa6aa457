"""``kpt export`` from files on the disk."""

import json

import pytest
import torch
from click.testing import CliRunner

from kpt_plugins.cli.main import kpt
from tests import tiny_exports as tiny


@pytest.fixture
def files(tmp_path):
    """A config and a checkpoint of a CoKe detector."""
    cfg = tiny.detector_config(tiny.COKE)
    model = tiny.build(cfg)
    cfg.dump(tmp_path / 'detector.py')
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'detector.pth')
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(kpt, ['export', *map(str, arguments)])


def test_detector(files):
    pytest.importorskip('onnxscript')
    out = files / 'out'
    result = run(files / 'detector.py', files / 'detector.pth', '--out', out, '--no-flip-test')
    assert result.exit_code == 0, result.output
    assert 'detector.onnx' in result.output and 'MiB' in result.output
    description = json.loads((out / 'export.json').read_text())
    assert description['flip_test'] is False
    assert sorted(path.name for path in out.iterdir()) == ['detector.onnx', 'export.json']
    result = run(files / 'detector.py', files / 'detector.pth', '--out', out)
    assert isinstance(result.exception, FileExistsError) and '--force' in str(result.exception)


def test_weights_of_another_model(files):
    other = tiny.build(tiny.detector_config(tiny.HEATMAP))
    torch.save(dict(state_dict=other.state_dict()), files / 'other.pth')
    result = run(files / 'detector.py', files / 'other.pth', '--out', files / 'out')
    assert isinstance(result.exception, ValueError)
    assert 'other.pth has not the weights of the model' in str(result.exception)
    assert not (files / 'out').exists()


def test_missing_files(files):
    result = run(files / 'detector.py', files / 'nothing.pth', '--out', files / 'out')
    assert isinstance(result.exception, FileNotFoundError) and 'nothing.pth' in str(
        result.exception
    )
    result = run('no_such_config', files / 'detector.pth', '--out', files / 'out')
    assert isinstance(result.exception, FileNotFoundError)
    result = run(files / 'detector.py', files / 'detector.pth')
    assert result.exit_code == 2 and '--out' in result.output
