"""Which labels a detector is trained on."""

import re

import numpy as np
import pytest

from kpt_plugins.annotation_formats import (
    KeypointCategory,
    KeypointInstance,
    read_annotations,
    write_annotations,
)
from kpt_plugins.apis.detector_labels import instance_score, read_human_labels, read_labels
from tests.helpers import coco_file, write_coco, write_json


@pytest.fixture
def predicted(tmp_path):
    """Two objects: one sure of all but its last keypoint, one not sure at all."""
    content = coco_file()
    for annotation, scores in zip(
        content['annotations'], ([0.9, 0.8, 0.1], [0.2] * 3), strict=True
    ):
        annotation['keypoint_scores'] = scores
    return write_coco(tmp_path, content)


def read(path, **options):
    return read_labels(path, path.parent / 'images', **options)


def test_all_without_thresholds(predicted):
    labels = read(predicted)
    assert (labels.num_objects, labels.dropped, labels.unsure_keypoints) == (2, 0, 0)
    assert labels.category.name == 'thing'


def test_unsure_objects_and_keypoints(predicted):
    labels = read(predicted, min_score=0.5, min_keypoint_score=0.5)
    (image,) = labels.annotations.images
    assert image.file_name == '0.png' and labels.dropped == 1 and labels.unsure_keypoints == 1
    assert image.instances[0].keypoints[:, 2].tolist() == [2, 2, 0]
    # the score of an object is that of all its keypoints, whatever is hidden of them
    assert read(predicted, min_score=0.6).num_objects == 1
    assert read(predicted, min_score=0.6, min_keypoint_score=0.85).num_objects == 1
    assert read(predicted, min_keypoint_score=0.3).num_objects == 1


def test_a_threshold_is_reached_by_equal_scores(predicted):
    assert read(predicted, min_score=0.2, min_keypoint_score=0.2).num_objects == 2


def test_human_labels_are_sure(tmp_path):
    labels = read(write_coco(tmp_path, coco_file()), min_score=1, min_keypoint_score=1)
    assert labels.num_objects == 2 and labels.unsure_keypoints == 0


def test_scores_of_objects():
    points = np.array([[1, 2, 2], [0, 0, 0], [3, 4, 1]])
    assert instance_score(KeypointInstance('a', points, None, [0.4, 0, 0.8])) == pytest.approx(0.6)
    assert instance_score(KeypointInstance('a', points)) == 1
    assert instance_score(KeypointInstance('a', points * 0, (1, 2, 3, 4), [0.5] * 3)) == 0


def test_none_accepted(predicted):
    expected = f'{predicted}: none of 2 objects is accepted, the surest has the confidence 0.60'
    with pytest.raises(ValueError, match=re.escape(expected)):
        read(predicted, min_score=0.7)


@pytest.mark.parametrize(('format', 'name'), [('cvat', 'a.xml'), ('labelme', 'folder')])
def test_untouched_objects_are_as_sure_as_predicted(predicted, tmp_path, format, name):
    original = read_annotations(predicted)
    corrected = read_annotations(predicted)
    corrected.images[1].instances[0].keypoints[0, 0] += 1
    images = tmp_path / 'images'
    write_annotations(corrected, tmp_path / name, format, images)
    thresholds = dict(min_score=0.61, min_keypoint_score=0.5)
    labels = read_labels(tmp_path / name, images, original=original, **thresholds)
    assert (labels.untouched, labels.dropped, labels.has_scores) == (1, 1, False)
    (image,) = labels.annotations.images
    assert image.file_name == '1.png' and labels.shown.all()
    labels = read_labels(tmp_path / name, images, original=original, min_keypoint_score=0.5)
    assert labels.unsure_keypoints == 1 and labels.has_scores
    alone = read_labels(tmp_path / name, images, **thresholds)
    assert (alone.untouched, alone.num_objects, alone.dropped) == (0, 2, 0)


def test_what_was_submitted_is_sure(predicted, tmp_path):
    original = read_annotations(predicted)
    human = read_annotations(predicted)
    for image in human.images:
        image.instances[0].scores = None
    write_annotations(human, tmp_path / 'a.json', 'label-studio', tmp_path / 'images')
    labels = read_labels(tmp_path / 'a.json', tmp_path / 'images', original=original, min_score=1)
    assert (labels.untouched, labels.num_objects) == (0, 2)


def test_keypoints_of_no_label(predicted):
    assert read(predicted).shown.tolist() == [True] * 3
    assert read(predicted, min_keypoint_score=0.5).shown.tolist() == [True, True, False]


def test_missing_files(predicted, tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.json: there is no such file'):
        read(tmp_path / 'gone.json')
    (tmp_path / 'images' / '1.png').unlink()
    assert read(predicted, min_score=0.5).num_objects == 1  # it is not needed
    with pytest.raises(FileNotFoundError, match='1.png: there is no such image; 1 of the 2 images'):
        read(predicted)
    with pytest.raises(FileNotFoundError, match='nowhere'):
        read_labels(predicted, tmp_path / 'nowhere')


def test_which_category(tmp_path):
    content = coco_file()
    content['categories'].append(dict(id=2, name='cow', keypoints=['p0', 'p1', 'p2'], skeleton=[]))
    path = write_coco(tmp_path, content)
    with pytest.raises(ValueError, match='ann.json: several categories, expected .* thing, cow'):
        read(path)
    with pytest.raises(ValueError, match="ann.json: no category 'dog', expected .* thing, cow"):
        read(path, category='dog')
    assert read(path, category='thing').num_objects == 2
    with pytest.raises(ValueError, match='none of 0 objects'):
        read(path, category='cow')


def test_human_keypoints_in_the_order_of_the_others(tmp_path):
    path = write_coco(tmp_path, coco_file())
    category = KeypointCategory('animal', ['p2', 'extra', 'p0', 'p1'])
    labels = read_human_labels(path, tmp_path / 'images', category)
    assert labels.category == category
    points = labels.annotations.images[0].instances[0].keypoints
    assert points.tolist() == [[13, 12, 2], [0, 0, 0], [5, 6, 2], [9, 9, 2]]
    with pytest.raises(ValueError, match=r"ann.json: category 'thing' .* fits 0 of animal \(nose"):
        read_human_labels(path, tmp_path / 'images', KeypointCategory('animal', ['nose']))


def test_annotations_beside_images(tmp_path):
    write_coco(tmp_path, coco_file(num_images=3))
    folder = tmp_path / 'images'
    points = [[5, 6], [7, 8, 1], [0, 0, 0]]
    common = dict(names=['a', 'b', 'c'], category='bug')
    write_json(folder / '0.json', dict(common, keypoints=points, bbox=[1, 2, 21, 22]))
    write_json(folder / '2.json', dict(keypoints=points))
    labels = read_labels(folder)
    category = labels.category
    assert (category.name, category.keypoint_names) == ('bug', ['a', 'b', 'c'])
    assert [image.file_name for image in labels.annotations.images] == ['0.png', '2.png']
    (first,), (second,) = (image.instances for image in labels.annotations.images)
    assert first.keypoints.tolist() == [[5, 6, 2], [7, 8, 1], [0, 0, 0]]
    assert first.bbox == (1, 2, 20, 20) and second.bbox == (0, 0, 40, 30)
    turned = KeypointCategory('bug', ['c', 'b', 'a'])
    mixed = read_human_labels(folder, None, turned)
    assert mixed.annotations.images[0].instances[0].keypoints[:, 0].tolist() == [0, 7, 5]


def test_images_without_those_of_a_human(tmp_path):
    labels = read(write_coco(tmp_path, coco_file()))
    (tmp_path / 'link').symlink_to(tmp_path / 'images')
    path = write_json(tmp_path / 'link' / 'human.json', coco_file(num_images=1))
    human = read_human_labels(path, None, labels.category)
    labels.without(human.files())
    assert [image.file_name for image in labels.annotations.images] == ['1.png']
