"""kpt autolabel, from files to files."""

import os
import shutil
from itertools import islice

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from kpt_plugins.annotation_formats import read_annotations
from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer
from kpt_plugins.apis.support_files import save_supports
from kpt_plugins.apis.support_set import SupportSet
from kpt_plugins.cli.main import kpt
from tests.helpers import coco_file, write_json
from tests.tiny_detector import CATEGORY, write_detector
from tests.tiny_matcher import BOX, POINTS, draw_object, write_matcher

FILES = {
    *('annotations.json', 'review.html', 'cvat.xml', 'cvat.labels.json'),
    *('label_studio.json', 'label_studio.config.xml'),
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Weights, a saved category, and photos of the moved object."""
    folder = tmp_path_factory.mktemp('autolabel')
    write_matcher(folder / 'weights.pth')
    support = SupportSet.from_arrays(draw_object(), POINTS, names=list('abcd'), bbox=BOX)
    save_supports(support, folder / 'category')
    (folder / 'photos').mkdir()
    for number in range(2):
        cv2.imwrite(str(folder / 'photos' / f'{number}.png'), draw_object((8 * number, 0)))
    return folder


@pytest.fixture
def label(folder, tmp_path):
    def run(images, **options):
        defaults = dict(weights=folder / 'weights.pth', support=folder / 'category', device='cpu')
        defaults |= dict(out=tmp_path / 'out')
        args = ['autolabel', images]
        for name, value in (defaults | options).items():
            if value is not None:
                args += [f'--{name}', *([] if value is True else [value])]
        return CliRunner().invoke(kpt, [str(arg) for arg in args])

    return run


@pytest.mark.skipif(os.sep != '/', reason='other systems have no such names')
@pytest.mark.parametrize('name', [b'caf\xe9.png', b'a:b.png', b'x\x01.png'])
def test_a_name_that_cannot_be_written_costs_no_file(folder, label, tmp_path, name):
    photos = tmp_path / 'photos'
    shutil.copytree(folder / 'photos', photos)
    shutil.copyfile(photos / '0.png', photos / os.fsdecode(name))
    result = label(photos)
    assert result.exit_code == 1 and 'rename the file' in result.output
    assert {path.name for path in (tmp_path / 'out').iterdir()} == FILES
    for file in ('annotations.json', 'cvat.xml', 'label_studio.json'):
        found = read_annotations(tmp_path / 'out' / file, images=photos)
        assert [image.file_name for image in found.images] == ['0.png', '1.png']


def test_a_folder_once_and_again(label, folder, tmp_path):
    result = label(folder / 'photos')
    assert result.exit_code == 0, result.output
    assert '2 objects in 2 images' in result.output
    assert {path.name for path in (tmp_path / 'out').iterdir()} == FILES
    again = label(folder / 'photos')
    assert again.exit_code == 1
    assert 'out is not empty, it has annotations.json' in str(again.exception)
    assert label(folder / 'photos', force=True).exit_code == 0


def test_supports_say_how_right_the_labels_will_be(label, folder, tmp_path):
    shifts = ((0, 0), (8, 0))
    points = [np.c_[POINTS + shift, [2, 2, 2, 2]] for shift in shifts]
    points[1][0, 0] += 100
    support = SupportSet.from_arrays(
        [draw_object(shift) for shift in shifts], points, bbox=[BOX, BOX], names=list('abcd')
    )
    save_supports(support, tmp_path / 'category')
    boxes = coco_file()
    for annotation in boxes['annotations']:
        annotation['bbox'] = [70, 40, 270, 180]
    boxes = write_json(tmp_path / 'boxes.json', boxes)
    result = label(folder / 'photos', support=tmp_path / 'category', boxes=boxes)
    assert result.exit_code == 0, result.output
    assert 'predicted from the others: 75% of 8 keypoints are within 0.1' in result.output
    assert 'a first guess only' in result.output and 'hardly be found' not in result.output
    alone = label(folder / 'photos', force=True)
    assert alone.exit_code == 0 and 'from the others' not in alone.output
    points[0][:2], points[1][2:] = 0, 0
    apart = SupportSet.from_arrays([draw_object()] * 2, points, names=list('abcd'))
    save_supports(apart, tmp_path / 'apart')
    result = label(folder / 'photos', support=tmp_path / 'apart', force=True)
    assert result.exit_code == 0 and 'from the others' not in result.output


def test_supports_with_boxes_and_photos_without(label, folder, tmp_path):
    wide = cv2.copyMakeBorder(draw_object(), 0, 480, 0, 800, cv2.BORDER_CONSTANT)
    support = SupportSet.from_arrays([wide] * 4, [POINTS] * 4, bbox=[BOX] * 4, names=list('abcd'))
    save_supports(support, tmp_path / 'category')
    (tmp_path / 'photos').mkdir()
    for number in range(2):
        cv2.imwrite(str(tmp_path / 'photos' / f'{number}.png'), wide)
    result = label(tmp_path / 'photos', support=tmp_path / 'category')
    assert result.exit_code == 0, result.output
    assert 'a box that is 6% of its image' in result.output
    assert 'Give --boxes or --det-model' in result.output
    assert '100% of 16' not in result.output and 'expect roughly as much' in result.output
    boxes = coco_file()
    for annotation in boxes['annotations']:
        annotation['bbox'] = [70, 40, 270, 180]
    boxes = write_json(tmp_path / 'boxes.json', boxes)
    result = label(tmp_path / 'photos', support=tmp_path / 'category', boxes=boxes, force=True)
    assert 'of its image' not in result.output and '100% of 16' in result.output


def test_the_rest_is_labelled_when_some_fail(label, folder, tmp_path):
    photos = tmp_path / 'photos'
    photos.mkdir()
    (photos / 'bad.png').write_bytes(b'no picture')
    cv2.imwrite(str(photos / 'good.png'), draw_object())
    result = label(photos)
    assert result.exit_code == 1
    assert '1 objects in 1 images' in result.output
    assert f'failed: {photos / "bad.png"}' in result.output
    assert '1 of 2 images failed' in result.output
    assert {path.name for path in (tmp_path / 'out').iterdir()} == FILES


def test_boxes(label, folder, tmp_path):
    boxes = write_json(tmp_path / 'boxes.json', coco_file(num_images=1))
    result = label(folder / 'photos', boxes=boxes)
    assert result.exit_code == 0, result.output
    assert f'1 images of {folder / "photos"} have no box in {boxes}, left out' in result.output


def test_a_detector_labels_without_supports(label, folder, tmp_path):
    content = coco_file()
    for image in content['images']:
        image['file_name'] = image['file_name'].replace('1', 'elsewhere')
    boxes = write_json(tmp_path / 'boxes.json', content)
    weights = write_detector(tmp_path)
    result = label(folder / 'photos', weights=weights, support=None, boxes=boxes)
    assert result.exit_code == 0, result.output
    assert '1 objects in 1 images' in result.output and '1 images of' in result.output
    assert {path.name for path in (tmp_path / 'out').iterdir()} == FILES
    found = read_annotations(tmp_path / 'out' / 'annotations.json')
    assert found.categories == [CATEGORY]
    (instance,) = found.images[0].instances
    assert instance.bbox == tuple(content['annotations'][0]['bbox'])


def test_boxes_of_other_categories(label, folder, tmp_path):
    content = coco_file()
    content['categories'].append(dict(content['categories'][0], id=2, name='other'))
    boxes = write_json(tmp_path / 'boxes.json', content)
    result = label(folder / 'photos', weights=write_detector(tmp_path), support=None, boxes=boxes)
    assert result.exit_code == 1
    assert "thing, other, expected 'goat', which is labelled, or a single one" in str(
        result.exception
    )
    assert label(folder / 'photos', support='').exit_code == 2


def test_subfolders_are_not_taken(label, folder, tmp_path):
    for name in ('0.png', 'below/deep/1.png'):
        (tmp_path / 'photos' / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / 'photos' / name), draw_object())
    (tmp_path / 'photos' / 'clip.mp4').write_bytes(b'no video')
    result = label(tmp_path / 'photos')
    assert result.exit_code == 0, result.output
    assert f'Images in the folders below {tmp_path / "photos"} are not taken' in result.output
    assert '1 objects in 1 images' in result.output
    assert 'are not taken' not in label(folder / 'photos', force=True).output


@pytest.mark.parametrize('number', [0, 1])
def test_stopped_by_the_user_keeps_what_is_done(label, folder, tmp_path, monkeypatch, number):
    def stop(self, *args, **options):
        yield from islice(original(self, *args, **options), number)
        raise KeyboardInterrupt

    original = FewShotInferencer.stream
    monkeypatch.setattr(FewShotInferencer, 'stream', stop)
    result = label(folder / 'photos')
    assert result.exit_code == 130
    assert f'{number} objects in {number} images' in result.output
    if number:
        assert {path.name for path in (tmp_path / 'out').iterdir()} == FILES
        found = read_annotations(tmp_path / 'out' / 'annotations.json')
        assert [image.file_name for image in found.images] == ['0.png']
    else:
        assert not (tmp_path / 'out').exists()


def test_mistakes_are_found_before_the_model_is_loaded(label, folder, tmp_path, monkeypatch):
    def load(*args, **kwargs):
        raise AssertionError('the model is loaded')

    monkeypatch.setattr('kpt_plugins.apis.keypoint_inferencer.read_model_source', load)
    content = coco_file(num_images=1)
    content['images'][0]['file_name'] = 'other.png'
    other = write_json(tmp_path / 'other.json', content)
    for images, options, error, message in (
        (tmp_path / 'gone', {}, FileNotFoundError, 'gone: there is no such folder of images'),
        (folder, {}, FileNotFoundError, 'the folder holds no image ('),
        (folder / 'photos', dict(boxes='gone.json'), FileNotFoundError, 'gone.json'),
        (folder / 'photos', dict(boxes=other), ValueError, 'none of its 2 images has a box'),
        (folder / 'photos', dict(device='banana'), ValueError, "device 'banana' cannot be used"),
        (folder / 'photos', dict(out=other), FileExistsError, 'other.json: a file, expected a f'),
    ):
        result = label(images, **options)
        assert isinstance(result.exception, error) and message in str(result.exception)
    assert not (tmp_path / 'out').exists()


def test_mistakes_leave_nothing_behind(label, folder, tmp_path):
    (tmp_path / 'empty').mkdir()
    result = label(tmp_path / 'empty')
    assert result.exit_code == 1 and 'the folder holds no image' in str(result.exception)
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((40, 40, 3), np.uint8))
    write_json(tmp_path / 'a.json', dict(keypoints=[[3, 4, 0], [5, 6, 0]], names=['x', 'y']))
    result = label(folder / 'photos', support=tmp_path)
    assert result.exit_code == 1 and 'shows no keypoint' in str(result.exception)
    coco = write_json(tmp_path / 'b' / 'b.json', coco_file())
    result = label(folder / 'photos', support=coco, category='cow')
    assert result.exit_code == 1 and "no category 'cow'" in str(result.exception)
    assert not (tmp_path / 'out').exists()
