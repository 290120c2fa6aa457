import pytest
from click.testing import CliRunner

from kpt_plugins.annotation_formats import FORMATS, read_annotations, write_annotations
from kpt_plugins.cli.convert import NAMES
from kpt_plugins.cli.main import kpt
from tests.annotation_formats.sample import assert_same, sample


def convert(*arguments):
    return CliRunner().invoke(kpt, ['convert', *map(str, arguments)])


def test_formats_are_those_of_the_package():
    assert tuple(FORMATS) == NAMES


def test_convert(tmp_path):
    write_annotations(sample(), tmp_path / 'in.json', 'coco')
    result = convert(tmp_path / 'in.json', tmp_path / 'deep' / 'out.json', '--to', 'coco')
    assert result.exit_code == 0, result.exception
    assert '3 images, 3 instances' in result.output
    assert 'cow: 4 keypoints: nose, left ear, right ear, Schwanzspitze ü' in result.output
    assert 'Not in' not in result.output
    assert_same(read_annotations(tmp_path / 'deep' / 'out.json'), sample())


def test_existing_files_stay(tmp_path):
    write_annotations(sample(), tmp_path / 'in.json', 'coco')
    (tmp_path / 'out.json').write_text('mine')
    result = convert(tmp_path / 'in.json', tmp_path / 'out.json', '--to', 'coco')
    assert isinstance(result.exception, FileExistsError) and 'out.json' in str(result.exception)
    assert (tmp_path / 'out.json').read_text() == 'mine'
    assert (
        convert(tmp_path / 'in.json', tmp_path / 'out.json', '--to', 'coco', '--force').exit_code
        == 0
    )
    assert_same(read_annotations(tmp_path / 'out.json'), sample())


@pytest.mark.parametrize('wrong', [['--to', 'pdf'], ['--to', 'coco', '--images', 'nowhere'], []])
def test_usage(tmp_path, wrong):
    (tmp_path / 'in.json').write_text('{}')
    assert convert(tmp_path / 'in.json', tmp_path / 'out.json', *wrong).exit_code == 2
