"""kpt check-dataset: report, exit code and JSON; more in tests/tools/test_check_dataset.py."""

import json

from click.testing import CliRunner

from kpt_plugins.cli.main import kpt
from tests.helpers import coco_file, write_coco


def test_report_and_exit_code(tmp_path):
    path = write_coco(tmp_path, coco_file())
    args = ['check-dataset', str(path), '--images', str(tmp_path / 'images')]
    result = CliRunner().invoke(kpt, args)
    assert result.exit_code == 0 and 'can be used' in result.output
    (tmp_path / 'images' / '0.png').unlink()
    out = tmp_path / 'new' / 'report.json'
    result = CliRunner().invoke(kpt, [*args, '--json', str(out)])
    assert result.exit_code == 1 and 'missing' in result.output
    assert not json.loads(out.read_text())['ok']
    assert CliRunner().invoke(kpt, [*args, '--allow-missing']).exit_code == 0


def test_usage(tmp_path):
    assert CliRunner().invoke(kpt, ['check-dataset']).exit_code == 2
    assert CliRunner().invoke(kpt, ['check-dataset', 'a.json', '--workers', '0']).exit_code == 2
