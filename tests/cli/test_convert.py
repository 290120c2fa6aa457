import pytest
from click.testing import CliRunner

from kpt_plugins.annotation_formats import read_annotations, write_annotations
from kpt_plugins.cli.main import kpt, main
from tests.annotation_formats.sample import assert_same, sample, without, write_images
from tests.helpers import coco_file, write_json


def convert(*arguments):
    return CliRunner().invoke(kpt, ['convert', *map(str, arguments)])


def test_convert(tmp_path):
    write_annotations(sample(), tmp_path / 'in.json', 'coco')
    result = convert(tmp_path / 'in.json', tmp_path / 'deep' / 'out.json', '--to', 'coco')
    assert result.exit_code == 0, result.exception
    assert '3 images, 3 instances' in result.output
    assert 'cow: 4 keypoints: nose, left ear, right ear, Schwanzspitze ü' in result.output
    assert 'Not in' not in result.output
    assert_same(read_annotations(tmp_path / 'deep' / 'out.json'), sample())


def test_wrong_format_is_named(tmp_path):
    write_annotations(sample(), tmp_path / 'in.json', 'coco')
    result = convert(
        tmp_path / 'in.json', tmp_path / 'out.json', '--from', 'labelme', '--to', 'coco'
    )
    assert str(result.exception).startswith(f'{tmp_path / "in.json"}: file: imagePath is missing')
    assert 'read as labelme, but looks like coco: a JSON object with images' in str(
        result.exception
    )


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


@pytest.mark.parametrize('wrong', [['--to', 'pdf'], []])
def test_usage(tmp_path, wrong):
    (tmp_path / 'in.json').write_text('{}')
    assert convert(tmp_path / 'in.json', tmp_path / 'out.json', *wrong).exit_code == 2


@pytest.mark.parametrize('option', ['IN', '--images', '--categories'])
def test_missing_files(tmp_path, option):
    write_annotations(sample(), tmp_path / 'in.json', 'coco')
    source = tmp_path / ('nowhere' if option == 'IN' else 'in.json')
    extra = [] if option == 'IN' else [option, tmp_path / 'nowhere']
    result = convert(source, tmp_path / 'out.json', '--to', 'coco', *extra)
    assert isinstance(result.exception, FileNotFoundError)
    assert f'{tmp_path / "nowhere"}: there is no such' in str(result.exception)
    assert not (tmp_path / 'out.json').exists()


@pytest.mark.parametrize('out', ['in.json/x.json', 'in.json/deep/x.json'])
def test_a_file_where_a_folder_is_expected(tmp_path, out):
    write_annotations(sample(), tmp_path / 'in.json', 'coco')
    result = convert(tmp_path / 'in.json', tmp_path / out, '--to', 'coco', '--force')
    assert isinstance(result.exception, FileExistsError)
    assert (
        str(result.exception)
        == f'{tmp_path / "in.json"}: a file, expected a folder for the results'
    )


def test_says_what_is_lost_and_restores_it(tmp_path):
    write_annotations(sample(), tmp_path / 'in.json', 'coco')
    result = convert(tmp_path / 'in.json', tmp_path / 'me', '--to', 'labelme')
    assert 'Not in labelme: links of the skeleton' in result.output
    assert 'Not in labelme: scores of 1 of 3 instances' in result.output
    back = convert(
        tmp_path / 'me',
        tmp_path / 'out.json',
        *('--to', 'coco', '--from', 'labelme', '--categories', tmp_path / 'in.json'),
    )
    assert back.exit_code == 0, back.exception
    found = read_annotations(tmp_path / 'out.json')
    assert_same(found, without(sample(), 'scores'))


def test_names_the_labels_that_come_along(tmp_path):
    write_annotations(sample(), tmp_path / 'in.json', 'coco')
    result = convert(tmp_path / 'in.json', tmp_path / 'a.xml', '--to', 'cvat')
    assert 'a.labels.json: the labels' in result.output
    (tmp_path / 'b.labels.json').write_text('mine')
    result = convert(tmp_path / 'in.json', tmp_path / 'b.xml', '--to', 'cvat')
    assert isinstance(result.exception, FileExistsError)


def test_sizes_come_from_the_images(tmp_path):
    images = write_images(tmp_path / 'images')
    pytest.importorskip('sleap_io')
    write_annotations(without(sample(), 'sizes'), tmp_path / 'in.slp', 'sleap')
    arguments = (tmp_path / 'in.slp', tmp_path / 'out.json', '--to', 'coco')
    assert 'images' in str(convert(*arguments).exception)
    assert convert(*arguments, '--images', images).exit_code == 0


def test_mistake_ends_in_a_message_and_code_1(tmp_path, monkeypatch, capsys):
    (tmp_path / 'in.json').write_text('{"images": 3, "annotations": [], "categories": []}')
    arguments = ['kpt', 'convert', str(tmp_path / 'in.json'), str(tmp_path / 'out'), '--to', 'yolo']
    monkeypatch.setattr('sys.argv', arguments)
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith('Error: ') and 'in.json' in error and 'Traceback' not in error


def test_says_where_yolo_wants_the_images(tmp_path):
    write_annotations(sample(), tmp_path / 'in.json', 'coco')
    result = convert(tmp_path / 'in.json', tmp_path / 'yolo', '--to', 'yolo')
    assert f'{tmp_path / "yolo"}/images: put the images there' in result.output


def test_names_what_an_earlier_conversion_left(tmp_path):
    source, target = tmp_path / 'in.json', tmp_path / 'yolo'
    write_json(source, coco_file(num_images=4))
    assert 'not of this' not in convert(source, target, '--to', 'yolo').output
    write_json(source, coco_file(num_images=1))
    output = convert(source, target, '--to', 'yolo', '--force').output
    left = target / 'labels' / '1.txt'
    assert f'{left} and 2 more: not of this conversion, left as it was' in output
    assert left.is_file()


def test_nothing_to_convert(tmp_path):
    write_json(tmp_path / 'tasks.json', [])
    result = convert(tmp_path / 'tasks.json', tmp_path / 'out.json', '--to', 'coco')
    assert result.exit_code == 1 and 'no image is annotated in it' in str(result.exception)
    assert not (tmp_path / 'out.json').exists()
    write_json(tmp_path / 'min.json', [dict(image='a.png', lead_time=3.2)])
    result = convert(tmp_path / 'min.json', tmp_path / 'out.json', '--to', 'coco')
    assert 'JSON-MIN of Label Studio' in str(result.exception)
    write_json(tmp_path / 'supports' / 'a.json', dict(keypoints=[[1, 2]]))
    result = convert(tmp_path / 'supports', tmp_path / 'out.json', '--to', 'coco')
    assert 'the annotation beside a support, for --support' in str(result.exception)
