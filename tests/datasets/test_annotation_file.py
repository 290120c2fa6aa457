"""What is and what is not a COCO-like file."""

from __future__ import annotations

import json

import pytest

from kpt_plugins.datasets.annotation_file import (
    WARNING,
    find_structure_problems,
    load_annotation_file,
    read_json,
)
from tests.helpers import coco_file, write_json


def test_reads_a_valid_file(tmp_path):
    content = coco_file()
    content['images'][0]['id'] = content['annotations'][0]['image_id'] = 2**53 + 1
    file = load_annotation_file(write_json(tmp_path / 'a.json', content))
    assert list(file.images) == [2**53 + 1, 2]
    assert file.info == {} and len(file.annotations) == 2 and list(file.categories) == [1]


@pytest.mark.parametrize(
    'content, message',
    [
        ([], 'found a list at the top level'),
        (dict(shapes=[], imagePath=''), 'among the keys: shapes, imagePath'),
        ({}, 'among the keys: none'),
        (dict(images=[], annotations={}, categories=[]), 'no list named annotations'),
        (dict(metainfo={}, data_list=[]), 'among the keys: metainfo, data_list'),
    ],
)
def test_not_coco_like(tmp_path, content, message):
    path = write_json(tmp_path / 'a.json', content)
    with pytest.raises(ValueError, match=message) as error:
        load_annotation_file(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    'section, field, value, message',
    [
        ('images', 'id', None, r'images\[1\]: id: None, expected a whole number'),
        ('images', 'id', 'x', r"images\[1\]: id: 'x'"),
        ('images', 'id', True, r'images\[1\]: id: True'),
        ('images', 'file_name', '', r'images\[1\] \(id 2\): file_name'),
        ('images', 'file_name', 3, r'images\[1\] \(id 2\): file_name: 3'),
        ('images', 'width', 0, r'images\[1\] \(id 2\): width: 0'),
        ('images', 'height', '30', r"images\[1\] \(id 2\): height: '30'"),
        ('images', 'height', float('nan'), r'height: nan'),
        ('images', 'id', 1, r'images\[1\] \(id 1\): the id is used more than once'),
        ('annotations', 'image_id', 77, r'annotations\[1\] \(id 2\): image_id: 77 is not the id'),
        ('annotations', 'category_id', 9, r'category_id: 9 is not the id of any of the 1 categor'),
        ('annotations', 'category_id', '1', r"category_id: '1', expected a whole number"),
        ('categories', 'name', None, r'categories\[0\] \(id 1\): name: None'),
        ('categories', 'skeleton', 'x', r"categories\[0\] \(id 1\): skeleton: 'x'"),
        ('categories', 'keypoints', {'a': 1}, r'keypoints: .*expected a list'),
    ],
)
def test_bad_fields(tmp_path, section, field, value, message):
    content = coco_file()
    content[section][-1][field] = value
    with pytest.raises(ValueError, match=message) as error:
        load_annotation_file(write_json(tmp_path / 'a.json', content))
    assert 'a.json' in str(error.value)


@pytest.mark.parametrize('section', ['images', 'annotations', 'categories'])
def test_missing_fields_and_other_types(tmp_path, section):
    content = coco_file()
    content[section].append({})
    with pytest.raises(ValueError, match=rf'{section}\[\d\]: id: missing'):
        load_annotation_file(write_json(tmp_path / 'a.json', content))
    content[section][-1] = 5
    with pytest.raises(ValueError, match=rf'{section}\[\d\]: found a int, expected an object'):
        load_annotation_file(write_json(tmp_path / 'a.json', content))


def test_error_says_how_many_more(tmp_path):
    content = coco_file(num_images=4)
    for image in content['images']:
        del image['width']
    with pytest.raises(ValueError, match='more problems') as error:
        load_annotation_file(write_json(tmp_path / 'a.json', content))
    assert 'check_dataset' in str(error.value)


def test_repetition_of_equal_images_is_allowed(tmp_path):
    content = coco_file()
    content['images'].append(dict(content['images'][0]))
    assert len(load_annotation_file(write_json(tmp_path / 'a.json', content)).images) == 2


def test_duplicate_annotation_id_is_a_warning(tmp_path):
    content = coco_file()
    content['annotations'][1]['id'] = 1
    problems = list(find_structure_problems(content))
    assert [(p.severity, p.kind, p.category_id) for p in problems] == [(WARNING, 'duplicate id', 1)]
    assert len(load_annotation_file(write_json(tmp_path / 'a.json', content)).annotations) == 2


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='no.json: there is no such annotation file'):
        load_annotation_file(tmp_path / 'no.json')


@pytest.mark.parametrize('part', [0, 0.5, 0.99])
def test_cut_off_file(tmp_path, part):
    text = json.dumps(coco_file())
    (tmp_path / 'a.json').write_text(text[: int(len(text) * part)])
    with pytest.raises(ValueError, match='a.json: not valid JSON at line 1, column'):
        load_annotation_file(tmp_path / 'a.json')


def test_binary_file(tmp_path):
    (tmp_path / 'a.json').write_bytes(b'\x89PNG\xff\xfe')
    with pytest.raises(ValueError, match='not a JSON text file'):
        load_annotation_file(tmp_path / 'a.json')


def test_byte_order_mark(tmp_path):
    path = tmp_path / 'windows.json'
    path.write_text('{"images": []}', encoding='utf-8-sig')
    assert read_json(path) == {'images': []}
