"""The data set checker finds each mistake, and only that one."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from kpt_plugins.datasets.check import check_dataset
from kpt_plugins.datasets.check_report import format_report
from tests.helpers import coco_file, write_coco, write_json


def _check(root, content, **arguments):
    path = write_coco(root, content)
    return check_dataset(str(path), str(root / 'images'), **arguments)


def _kinds(report) -> list[tuple[str, str]]:
    return [(group['severity'], group['kind']) for group in report.grouped()]


def test_nothing_wrong(tmp_path):
    report = _check(tmp_path, coco_file())
    assert report.ok and report.problems == []
    category = report.categories[1]
    assert (category.instances, category.num_keypoints, category.skeleton_base) == (2, 3, '0')
    assert (category.num_links, category.unlinked, category.points_outside) == (2, 0, 0)
    assert category.image_states == {'found': 2}
    assert category.visibility_shares() == [0, 0, 1]
    assert '0 errors, 0 warnings: can be used' in format_report(report)


def test_tiny_mp100(tiny_mp100):
    path = tiny_mp100 / 'annotations/mp100_split1_train.json'
    report = check_dataset(str(path), str(tiny_mp100 / 'images'))
    assert report.ok and _kinds(report) == [('warning', 'same name')]
    for category in report.categories.values():
        assert category.skeleton_base == ('0', '1', 'empty')[category.id % 3]
    raw = json.loads(path.read_text())
    for category in report.categories.values():
        labelled = [
            v
            for a in raw['annotations']
            if a['category_id'] == category.id
            for v in a['keypoints'][2::3]
        ]
        assert category.visibility == [labelled.count(v) for v in (0, 1, 2)]


@pytest.mark.parametrize(
    'section, changes, expected',
    [
        ('annotations', dict(category_id=9), ('error', 'unknown category_id')),
        ('annotations', dict(image_id=9), ('error', 'unknown image_id')),
        ('annotations', dict(id=1), ('warning', 'duplicate id')),
        ('annotations', dict(bbox=[1, 2]), ('error', 'malformed instance')),
        ('annotations', dict(keypoints=[1, 2, 5] * 3), ('error', 'malformed instance')),
        ('annotations', dict(keypoints=[[1, 2, 2]] * 3), ('error', 'malformed instance')),
        ('annotations', dict(keypoints=['1', '2', '2'] * 3), ('error', 'malformed instance')),
        ('annotations', dict(num_keypoints=2), ('warning', 'wrong num_keypoints')),
        (
            'annotations',
            dict(keypoints=[1, 2, 2] * 4, num_keypoints=4),
            ('error', 'different numbers of keypoints'),
        ),
        (
            'annotations',
            dict(keypoints=[1, 2, 2, 3, 4, 2, 41, 5, 2]),
            ('warning', 'point outside the image'),
        ),
        ('images', dict(width=0), ('error', 'bad width')),
        ('images', dict(id='a'), ('error', 'bad id')),
        ('categories', dict(name=None), ('error', 'bad name')),
        ('categories', dict(keypoints=['a']), ('warning', 'wrong keypoint names')),
        ('categories', dict(skeleton=[[0, 3]]), ('error', 'wrong skeleton')),
        ('categories', dict(skeleton=[[0, 9]]), ('error', 'wrong skeleton')),
        ('categories', dict(skeleton=[[0, 1], [1, 0], [1, 2]]), ('warning', 'useless links')),
        ('categories', dict(skeleton=[[1, 2]]), ('warning', 'unclear skeleton base')),
        ('categories', dict(flip_pairs=[[0, 3]]), ('error', 'wrong flip pairs')),
    ],
)
def test_each_mistake(tmp_path, section, changes, expected):
    content = coco_file()
    write_coco(tmp_path, content)
    content[section][-1].update(changes)
    path = write_json(tmp_path / 'ann.json', content)
    report = check_dataset(str(path), str(tmp_path / 'images'))
    assert expected in _kinds(report)
    assert report.ok == (expected[0] == 'warning')
    if section != 'images' and 'name' not in changes:
        assert len(report.problems) == 1
    assert f'{expected[0].upper()}: {expected[1]}' in format_report(report)


def test_duplicate_image_id(tmp_path):
    content = coco_file()
    content['images'].append({**content['images'][0], 'file_name': 'other.png'})
    assert ('error', 'duplicate id') in _kinds(_check(tmp_path, content))


def test_dropped_instances(tmp_path):
    content = coco_file(num_images=3)
    content['annotations'][0]['iscrowd'] = 1
    report = _check(tmp_path, content)
    assert report.ok and report.categories[1].dropped == {'crowd': 1}
    assert report.categories[1].instances == 2


def test_category_without_instances(tmp_path):
    content = coco_file()
    content['categories'].append({**content['categories'][0], 'id': 2, 'name': 'ghost'})
    report = _check(tmp_path, content)
    assert _kinds(report) == [('warning', 'no instance')]
    assert report.categories[2].num_keypoints is None
    assert 'ghost' in format_report(report)


def test_images(tmp_path):
    content = coco_file(num_images=5)
    path = write_coco(tmp_path, content)
    images = tmp_path / 'images'
    (images / '1.png').unlink()
    (images / '2.png').write_bytes((images / '2.png').read_bytes()[:60])
    (images / '3.png').write_bytes(b'')
    cv2.imwrite(str(images / '4.png'), np.zeros((40, 30, 3), np.uint8))  # sides swapped
    report = check_dataset(str(path), str(images))
    states = {
        'found': 1, 'missing image': 1, 'undecodable image': 2, 'other image size': 1
    }  # fmt: skip
    assert report.categories[1].image_states == report.image_states == states
    assert not report.ok and len(report.problems) == 4
    text = format_report(report)
    assert '1.png: there is no such file' in text and '30 x 40 pixels' in text
    assert '2.png: cannot be decoded' in text

    undecoded = check_dataset(str(path), str(images), decode=False)
    assert undecoded.image_states == {'found': 4, 'missing image': 1}
    (images / '4.png').unlink()
    allowed = check_dataset(str(path), str(images), decode=False, allow_missing=True)
    assert allowed.ok and len(allowed.problems) == 2


@pytest.mark.parametrize('allow_missing', [True, False])
def test_empty_image_directory(tmp_path, allow_missing):
    path = write_coco(tmp_path, coco_file(), images=False)
    report = check_dataset(str(path), str(tmp_path / 'images'), allow_missing=allow_missing)
    assert not report.ok
    assert any('holds none of the 2 images: is it empty' in str(p) for p in report.problems)


def test_no_image_directory(tmp_path):
    path = write_coco(tmp_path, coco_file())
    report = check_dataset(str(path), str(tmp_path / 'photos'))
    assert _kinds(report) == [('error', 'no image directory')]
    assert check_dataset(str(path)).ok
    assert 'images not checked' in format_report(check_dataset(str(path)))


@pytest.mark.parametrize(
    'text, message',
    [
        ('[]', 'not a COCO-like annotation file'),
        ('{"shapes": []}', 'among the keys: shapes'),
        ('{"images": [', 'not valid JSON'),
        ('', 'not valid JSON'),
        (None, 'there is no such annotation file'),
    ],
)
def test_no_annotation_file(tmp_path, text, message):
    path = tmp_path / 'ann.json'
    if text is not None:
        path.write_text(text)
    report = check_dataset(str(path))
    assert not report.ok and message in format_report(report)


def test_many_problems_are_grouped(tmp_path):
    content = coco_file(num_images=9)
    for annotation in content['annotations']:
        annotation['num_keypoints'] = 1
    report = _check(tmp_path, content)
    (group,) = report.to_dict()['problems']
    assert group['count'] == 9 and len(group['examples']) == 3
    assert '... and 6 more' in format_report(report)


def test_report_is_json(tmp_path):
    data = _check(tmp_path, coco_file()).to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data['ok'] and data['categories'][0]['visibility_shares'] == [0, 0, 1]


def test_real_images(kpt_data):
    root = kpt_data / 'minicape'
    report = check_dataset(str(root / 'annotations/minicape_test.json'), str(root / 'images'))
    assert report.ok and report.image_states == {'found': 236}
    assert [c.skeleton_base for c in report.categories.values()] == ['1', '1']
