import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from xtcocotools.coco import COCO as XTCOCO

from kpt_plugins.annotation_formats import (
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
    coco,
    read_annotations,
    write_annotations,
)
from kpt_plugins.datasets import CocoKeypointDataset, MP100Dataset

from .sample import CUP, assert_same, dump, round_trip, sample, without, write_images


def coco_file(**changes) -> dict:
    """As labelled by others: links from 1, a crowd, a category and an annotation of boxes."""
    annotation = dict(
        id=7, image_id=3, category_id=1, keypoints=[1, 2, 2, 0, 0, 0, 5.5, 6, 1], num_keypoints=2
    )
    annotation |= dict(bbox=[0, 0, 9, 9], area=30.5, iscrowd=0, segmentation=[[1, 2, 3, 4, 5, 6]])
    crowd = dict(annotation, id=8, iscrowd=1, keypoints=[0] * 9)
    car = dict(id=9, image_id=3, category_id=4, bbox=[1, 1, 2, 2], iscrowd=0)
    return dict(
        info={},
        images=[dict(id=3, file_name='x/1.jpg', width=20, height=10, license=1)],
        annotations=[annotation | changes, crowd, car],
        categories=[
            dict(id=1, name='tri', keypoints=['a', 'b', 'c'], skeleton=[[1, 3], [3, 2]]),
            dict(id=4, name='car'),
        ],
    )


def test_round_trip(tmp_path):
    assert_same(round_trip(sample(), tmp_path / 'new' / 'a.json', 'coco'), sample())


def test_file_of_others(tmp_path):
    found = read_annotations(dump(tmp_path / 'a.json', coco_file()))
    assert found.categories == [KeypointCategory('tri', ['a', 'b', 'c'], [(0, 2), (2, 1)])]
    [image] = found.images
    [instance] = image.instances
    assert image.file_name == 'x/1.jpg' and instance.bbox == (0, 0, 9, 9)
    np.testing.assert_array_equal(instance.keypoints, [[1, 2, 2], [0, 0, 0], [5.5, 6, 1]])


def test_what_is_left_out_is_said(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(coco, 'print_log', lambda message, *_: said.append(message))
    path = dump(tmp_path / 'a.json', coco_file())
    read_annotations(path)
    assert said == [f'{path}: 1 crowds are left out', f'{path}: 1 segmentations are left out']
    said.clear()
    read_annotations(dump(path, coco_file(segmentation=[])))
    assert said == [f'{path}: 1 crowds are left out']


def test_categories_of_one_name_and_without_names(tmp_path):
    data = coco_file()
    data['categories'][1] = dict(id=4, name='tri')
    data['annotations'][2]['keypoints'] = [3, 4, 2]
    found = read_annotations(dump(tmp_path / 'a.json', data))
    assert [c.name for c in found.categories] == ['tri', 'tri (4)']
    assert found.categories[1].keypoint_names == ['keypoint_0']


@pytest.mark.parametrize('empty', [None, False, {}, '', 0])
def test_empty_lists_of_a_category(tmp_path, empty):
    data = coco_file()
    data['categories'][0] |= dict(skeleton=empty, flip_pairs=empty, keypoints=empty)
    [category] = read_annotations(dump(tmp_path / 'a.json', data)).categories
    assert category == KeypointCategory('tri', ['keypoint_0', 'keypoint_1', 'keypoint_2'])


def test_one_image_listed_twice_is_one(tmp_path):
    data = coco_file()
    data['images'].append(dict(data['images'][0], id=4))
    data['annotations'].append(dict(data['annotations'][0], id=11, image_id=4))
    [image] = read_annotations(dump(tmp_path / 'a.json', data)).images
    assert len(image.instances) == 2


@pytest.mark.parametrize('coco', [COCO, XTCOCO])
def test_opens_in_coco_tools(tmp_path, coco):
    write_annotations(sample(), tmp_path / 'a.json', 'coco')
    api = coco(str(tmp_path / 'a.json'))
    assert api.getCatIds() == [1, 2] and len(api.getAnnIds(catIds=[1])) == 2
    [annotation] = api.loadAnns(api.getAnnIds(catIds=[2]))
    assert annotation['keypoints'] == [90, 10, 2, 70, 20, 1, 80, 60, 2]
    assert annotation['area'] == 35 * 70 and annotation['num_keypoints'] == 3


def test_opens_in_the_data_sets_of_this_package(tmp_path):
    write_annotations(sample(), tmp_path / 'a.json', 'coco')
    write_images(tmp_path / 'images')
    common = dict(ann_file='a.json', data_root=str(tmp_path), data_prefix=dict(img='images'))
    episodes = MP100Dataset(**common)
    assert len(episodes) == 3
    assert episodes[0]['keypoint_names'] == sample().categories[0].keypoint_names
    np.testing.assert_array_equal(episodes[0]['skeleton'], [[0, 1], [0, 2]])
    topdown = CocoKeypointDataset(**common, category='cow', test_mode=False)
    assert len(topdown) == 2 and topdown.metainfo['flip_indices'] == [0, 2, 1, 3]
    np.testing.assert_allclose(topdown[0]['keypoints'][0, 0], [10.5, 20.25])


def test_box_of_an_instance_without_one(tmp_path):
    given = sample()
    given.images[1].instances[1].bbox = None
    given.images[0].instances.append(KeypointInstance('чашка', np.zeros((3, 3))))
    given.images[0].instances.append(KeypointInstance('чашка', [[5, 6, 2], [0] * 3, [0] * 3]))
    found = round_trip(given, tmp_path / 'a.json', 'coco')
    assert found.images[1].instances[1].bbox == (70, 10, 20, 50)
    [_, point] = found.images[0].instances  # the one without anything is left out
    assert point.bbox == (4.5, 5.5, 1, 1)


def test_sizes_come_from_the_images(tmp_path):
    bare = without(sample(), 'sizes')
    with pytest.raises(ValueError, match='a.png.*width and height'):
        write_annotations(bare, tmp_path / 'a.json', 'coco')
    images = write_images(tmp_path / 'images')
    assert_same(round_trip(bare, tmp_path / 'a.json', 'coco', images=images), sample())
    (images / 'a.png').unlink()
    with pytest.raises(FileNotFoundError, match='a.png'):
        write_annotations(bare, tmp_path / 'a.json', 'coco', images)


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(keypoints=[1, 2, 2]), '3 keypoints|expected x, y, v of 3'),
        (dict(keypoints=[1, 2, 2, 0, 0, 0, 5, 6, 3]), 'annotation 7.*keypoint 2.*3.*0, 1 or 2'),
        (dict(keypoints=[1, '2', 2, 0, 0, 0, 5, 6, 1]), r"annotation 7: keypoints\[1\].*'2'"),
        (dict(keypoints=[1, 1e999, 2, 0, 0, 0, 5, 6, 1]), 'annotation 7.*finite'),
        (dict(keypoints='none'), 'annotation 7'),
        (dict(bbox=[1, 2, 3]), 'annotation 7: bbox'),
        (dict(keypoint_scores=[1]), r'annotation 7.*\(3,\)'),
        (dict(category_id=99), 'category_id.*99'),
    ],
)
def test_wrong_fields(tmp_path, changes, message):
    path = dump(tmp_path / 'a.json', coco_file(**changes))
    with pytest.raises(ValueError, match=message) as error:
        read_annotations(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    'name', ['/etc/passwd', '../x.jpg', 'a/../../x.jpg', 'C:\\x.jpg', '', 'a\0.jpg', '\\\\srv\\x']
)
def test_names_do_not_leave_the_folder(tmp_path, name):
    data = coco_file()
    data['images'][0]['file_name'] = name
    with pytest.raises(ValueError, match='file_name'):
        read_annotations(dump(tmp_path / 'a.json', data), 'coco')


def test_no_scores_no_field(tmp_path):
    only = AnnotationSet([CUP], [AnnotatedImage('a.png', 9, 9)])
    write_annotations(only, tmp_path / 'a.json', 'coco')
    data = json.loads((tmp_path / 'a.json').read_text())
    assert 'flip_pairs' not in data['categories'][0] and data['annotations'] == []
