import numpy as np
import pytest
import yaml
from PIL import Image

from kpt_plugins.annotation_formats import (
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
    losses,
    read_annotations,
    write_annotations,
)

from .sample import COW, assert_same, round_trip, sample, without, write_images

LOST = ('skeleton', 'scores', 'flip pairs')
YAML = """\
path: ../datasets/coco8-pose
train: images/train  # 4 images
val: images/val
test:
kpt_shape: [3, 3]
flip_idx: [0, 2, 1]
names:
  0: person
"""


def tiny(folder, data=YAML, line='0 .5 .5 .4 .8 .1 .2 2 0 0 0 .3 .4 1\n'):
    """A data set as Ultralytics lays it out, with one image of 20 x 10 pixels."""
    for name in ('images/train', 'labels/train'):
        (folder / name).mkdir(parents=True)
    Image.new('L', (20, 10)).save(folder / 'images/train/1.jpg')
    (folder / 'labels/train/1.txt').write_text(line)
    (folder / 'data.yaml').write_text(data)
    return folder


def test_round_trip(tmp_path):
    images = write_images(tmp_path / 'images')
    write_annotations(sample(), tmp_path, 'yolo')
    expected = without(sample(), *LOST)
    assert_same(read_annotations(tmp_path), expected, atol=1e-5)
    assert_same(read_annotations(tmp_path / 'data.yaml', images=images), expected, atol=1e-5)
    assert [loss for loss in losses(sample(), 'yolo') if 'differ' in loss]


def test_one_category_keeps_its_pairs(tmp_path):
    write_images(tmp_path / 'images')
    images = [AnnotatedImage(i.file_name, i.width, i.height) for i in sample().images]
    images[0].instances = sample().images[0].instances
    given = AnnotationSet([COW], images)
    assert_same(
        round_trip(given, tmp_path, 'yolo'), without(given, 'skeleton', 'scores'), atol=1e-5
    )


def test_written_files_as_a_trainer_reads_them(tmp_path):
    write_annotations(sample(), tmp_path, 'yolo')
    data = yaml.safe_load((tmp_path / 'data.yaml').read_text(encoding='utf-8'))
    assert data['kpt_shape'] == [4, 3] and data['names'] == {0: 'cow', 1: 'чашка'}
    assert data['kpt_names'][0] == COW.keypoint_names and 'flip_idx' not in data
    rows = np.loadtxt(tmp_path / 'labels/stall 1/b.txt')
    assert rows.shape == (2, 5 + 4 * 3)
    assert (rows[:, 1:] >= 0).all() and (rows[:, 1:5] <= 1).all()
    x, y, width, height = rows[1, 1:5] * [100, 80, 100, 80]
    np.testing.assert_allclose([x - width / 2, y - height / 2, width, height], [60, 5, 35, 70])
    np.testing.assert_allclose(rows[1, 5:].reshape(4, 3)[3], [0, 0, 0])  # filled up
    assert (tmp_path / 'labels/stall 1/süd/c.txt').read_text() == ''


def test_names_give_flip_idx_where_pairs_are_not_stated(tmp_path):
    given = AnnotationSet([KeypointCategory('x', ['tail', 'l_eye', 'r_eye'])])
    write_annotations(given, tmp_path, 'yolo')
    assert yaml.safe_load((tmp_path / 'data.yaml').read_text())['flip_idx'] == [0, 2, 1]


def test_file_of_others(tmp_path):
    found = read_annotations(tiny(tmp_path))
    names = ['keypoint_0', 'keypoint_1', 'keypoint_2']
    assert found.categories == [KeypointCategory('person', names, [], [(1, 2)])]
    [image] = found.images
    assert (image.file_name, image.width, image.height) == ('train/1.jpg', 20, 10)
    np.testing.assert_allclose(image.instances[0].keypoints, [[2, 2, 2], [0, 0, 0], [6, 4, 1]])
    np.testing.assert_allclose(image.instances[0].bbox, (6, 1, 8, 8))
    named = [KeypointCategory('person', ['a', 'b', 'c'], [(0, 1)])]
    assert read_annotations(tmp_path, categories=named).categories == named


def test_without_visibility(tmp_path):
    data = YAML.replace('[3, 3]', '[3, 2]')
    found = read_annotations(tiny(tmp_path, data, '0 .5 .5 .4 .8 .1 .2 0 0 .3 .4\n'))
    keypoints = found.images[0].instances[0].keypoints
    np.testing.assert_allclose(keypoints, [[2, 2, 2], [0, 0, 0], [6, 4, 2]])


def test_names_that_yaml_takes_for_something_else(tmp_path):
    images = [AnnotatedImage('a.png', 64, 48)]
    given = AnnotationSet([KeypointCategory('on', ['no', '1', 'null', '~', 'a: b'])], images)
    Image.new('L', (64, 48)).save((tmp_path / 'images').mkdir() or tmp_path / 'images/a.png')
    assert_same(round_trip(given, tmp_path, 'yolo'), given)


def test_what_is_outside_the_image(tmp_path):
    instance = KeypointInstance('cow', [[-1, 5, 2], [3, 4, 2], [9, 99, 1], [0] * 3], (-5, 2, 9, 9))
    given = AnnotationSet([COW], [AnnotatedImage('a.png', 10, 10, [instance])])
    write_annotations(given, tmp_path, 'yolo')
    Image.new('L', (10, 10)).save((tmp_path / 'images').mkdir() or tmp_path / 'images/a.png')
    [found] = read_annotations(tmp_path).images[0].instances
    np.testing.assert_allclose(found.keypoints, [[0] * 3, [3, 4, 2], [0] * 3, [0] * 3])
    np.testing.assert_allclose(found.bbox, (0, 2, 4, 8), atol=1e-6)
    assert any('2 keypoints outside' in loss for loss in losses(given, 'yolo'))


@pytest.mark.parametrize(
    'line, message',
    [
        ('1 .5 .5 .4 .8 .1 .2 2 0 0 0 .3 .4 1', 'line 1: class: 1.0, expected 0 to 0'),
        ('0 .5 .5 .4 .8 .1 .2 2 0 0 0', 'line 1: 11 numbers'),
        ('0 .5 .5 .4', 'line 1: 4 numbers'),
        ('0 .5 .5 .4 .8 .1 1.2 2 0 0 0 .3 .4 1', 'y of a keypoint: 1.2, expected 0 to 1'),
        ('0 .5 50 .4 .8 .1 .2 2 0 0 0 .3 .4 1', 'box: 50'),
        ('0 .5 .5 0 .8 .1 .2 2 0 0 0 .3 .4 1', 'bbox'),
        ('0 .5 .5 .4 .8 .1 .2 .97 0 0 0 .3 .4 1', 'visibility: .*0.97'),
        ('0 .5 .5 .4 .8 .1 nan 2 0 0 0 .3 .4 1', "'nan', expected a finite number"),
        ('0 .5 .5 .4 .8 a b 2 0 0 0 .3 .4 1', "'a'"),
    ],
)
def test_wrong_lines(tmp_path, line, message):
    with pytest.raises(ValueError, match=message) as error:
        read_annotations(tiny(tmp_path, line=line))
    assert '1.txt' in str(error.value)


@pytest.mark.parametrize(
    'old, new, message',
    [
        ('[3, 3]', '[3, 4]', 'kpt_shape'),
        ('[3, 3]', '3', 'kpt_shape'),
        ('kpt_shape: [3, 3]', '', 'kpt_shape is missing'),
        ('[0, 2, 1]', '[0, 2, 2]', 'flip_idx'),
        ('[0, 2, 1]', '[1, 2, 0]', 'flip_idx'),
        ('  0: person', '  1: person', 'names'),
        ('names:', 'names: [', 'not YAML'),
        ('test:', 'kpt_names: {0: [a, a, b]}', "names .*'a'.* twice"),
        ('test:', 'kpt_names: [[a, b, c, d]]', 'kpt_names of class 0: 4'),
    ],
)
def test_wrong_yaml(tmp_path, old, new, message):
    with pytest.raises(ValueError, match=message):
        read_annotations(tiny(tmp_path, YAML.replace(old, new)))


def test_images(tmp_path):
    tiny(tmp_path)
    (tmp_path / 'labels/2.txt').write_text('')
    with pytest.raises(ValueError, match='2.txt: expected an image'):
        read_annotations(tmp_path)
    with pytest.raises(FileNotFoundError, match='nowhere'):
        read_annotations(tmp_path, images=tmp_path / 'nowhere')
    Image.new('L', (20, 10)).save(tmp_path / 'images/train/1.png')
    with pytest.raises(ValueError, match='1.png and 1.jpg|1.jpg and 1.png'):
        read_annotations(tmp_path)
    with pytest.raises(ValueError, match='suffix only'):
        given = AnnotationSet([COW], [AnnotatedImage(f'a.{s}', 9, 9) for s in ('png', 'jpg')])
        write_annotations(given, tmp_path / 'out', 'yolo')
