"""Normalising, merging and splitting annotation files."""

from __future__ import annotations

import copy
import json

import pytest

from kpt_plugins.datasets.annotation_file import find_structure_problems
from kpt_plugins.datasets.mp100_dataset import MP100Dataset
from kpt_plugins.datasets.normalize import (
    load_raw,
    merge_files,
    normalize_categories,
    select_categories,
)
from tests.helpers import coco_file, write_json


def _load(root, path) -> MP100Dataset:
    return MP100Dataset(str(path), data_root=str(root), serialize_data=False)


@pytest.fixture
def raw(tiny_mp100) -> dict:
    return load_raw(str(tiny_mp100 / 'annotations/mp100_split1_train.json'))


def test_normalised_file_reads_the_same(tiny_mp100, raw, tmp_path):
    before = copy.deepcopy(raw)
    data, log = normalize_categories(raw)
    assert raw == before
    assert not list(find_structure_problems(data))
    assert data['info']['skeleton_base'] == 0 and data['annotations'] == raw['annotations']
    old = _load(tiny_mp100, tiny_mp100 / 'annotations/mp100_split1_train.json')
    new = _load(tiny_mp100, write_json(tmp_path / 'new.json', data))
    for key, category in old.categories.items():
        assert new.categories[key].skeleton.tolist() == category.skeleton.tolist()
        assert new.categories[key].keypoint_names == category.keypoint_names
    assert log.from_zero == ['9 thing 9']
    assert log.from_one == ['1 thing 1', '4 thing 4', '7 thing 7']
    assert log.without_links == log.named == ['5 face', '8 face']


def test_normalising_twice_changes_nothing(raw):
    once, _ = normalize_categories(raw)
    assert normalize_categories(once)[0] == once


def test_filling_in_equals_the_fallback_of_the_dataset(tiny_mp100, raw):
    data, log = normalize_categories(raw, fallback='mst')
    dataset = _load(tiny_mp100, tiny_mp100 / 'annotations/mp100_split1_train.json')
    assert log.filled == ['5 face', '8 face'] and log.without_links == []
    for record in data['categories']:
        assert record['skeleton'] == dataset.categories[record['id']].skeleton.tolist()


def test_unclear_base_stays_settled(tmp_path):
    """[[1, 2]] of 4 keypoints, said to count from 0, would else be read as counted from 1."""
    data, log = normalize_categories(coco_file(4, skeleton=[[1, 2]]), base=0)
    assert data['categories'][0]['skeleton'] == [[1, 2]]
    assert log.unlinked == {'1 thing': [0, 3]} and log.assumed == []
    assert normalize_categories(data)[0]['categories'][0]['skeleton'] == [[1, 2]]
    assert normalize_categories(coco_file(4, skeleton=[[1, 2]]))[1].assumed == ['1 thing']


@pytest.mark.parametrize('keypoints', [[[1, 2, 2]] * 4, ['1', '2', '2'] * 3, '1 2 2'])
def test_malformed_keypoints_name_file_annotation_and_field(tmp_path, keypoints):
    content = coco_file()
    content['annotations'][1]['keypoints'] = keypoints
    path = write_json(tmp_path / 'ann.json', content)
    with pytest.raises(ValueError, match=r'ann\.json: annotation 2: keypoints.* a flat list'):
        load_raw(str(path))
    with pytest.raises(ValueError, match='annotation 2: keypoints.* a flat list'):
        normalize_categories(content)


def test_replaced_skeletons():
    data, _ = normalize_categories(coco_file(4, skeleton=[[9, 9]]), skeletons={1: [[2, 3]]})
    assert data['categories'][0]['skeleton'] == [[2, 3]]
    with pytest.raises(ValueError, match=r'skeletons \[5\]'):
        normalize_categories(coco_file(), skeletons={5: [[0, 1]]})


@pytest.mark.parametrize('skeleton', [[[0, 4]], [[1, 7]], [['a', 1]]])
def test_wrong_skeleton_is_refused(skeleton):
    with pytest.raises(ValueError, match='category 1 thing: skeleton'):
        normalize_categories(coco_file(4, skeleton=skeleton))


def test_category_without_instances_is_checked_by_its_names():
    content = coco_file(4, skeleton=[[1, 4]])
    content['annotations'] = []
    data, log = normalize_categories(content)
    assert data['categories'][0]['skeleton'] == [[0, 3]] and log.without_instances == ['1 thing']


def test_merge_takes_common_objects_once(tiny_mp100):
    """The subsets of different splits overlap."""
    names = [f'mp100_split{n}_{s}.json' for n in (1, 4) for s in ('train', 'val', 'test')]
    parts = {name: load_raw(str(tiny_mp100 / 'annotations' / name)) for name in names}
    merged = merge_files(parts)
    for section in ('images', 'annotations', 'categories'):
        expected = {v['id']: v for data in parts.values() for v in data[section]}
        assert {v['id']: v for v in merged[section]} == expected
        assert len(merged[section]) == len(expected)
        assert len(expected) < sum(len(data[section]) for data in parts.values())


def test_merge_renumbers_annotations_that_clash():
    first, second = coco_file(), coco_file()
    second['annotations'][1]['bbox'] = [1, 2, 30, 20]
    merged = merge_files(dict(a=first, b=second))
    assert [a['id'] for a in merged['annotations']] == [1, 2, 3]
    assert merged['annotations'][2]['bbox'] == [1, 2, 30, 20]
    assert second['annotations'][1]['id'] == 2


def test_merge_keeps_repetitions_within_a_file():
    content = coco_file()
    content['annotations'].append({**content['annotations'][0], 'id': 3})
    assert len(merge_files(dict(a=content))['annotations']) == 3


@pytest.mark.parametrize('section, field', [('images', 'file_name'), ('categories', 'name')])
def test_merge_refuses_one_id_for_two_things(section, field):
    other = coco_file()
    other[section][0][field] = 'other'
    with pytest.raises(ValueError, match=f'{section}: id 1 stands for different objects in a and'):
        merge_files(dict(a=coco_file(), b=other))


def test_merge_refuses_different_bases():
    other = {**coco_file(), 'info': dict(skeleton_base=0)}
    with pytest.raises(ValueError, match='info.skeleton_base differs'):
        merge_files(dict(a=coco_file(), b=other))


def test_select_categories(raw):
    part = select_categories(raw, [5, 1])
    assert [c['id'] for c in part['categories']] == [1, 5]
    assert {a['category_id'] for a in part['annotations']} == {1, 5}
    assert len(part['annotations']) == len(part['images']) == 40
    assert {i['id'] for i in part['images']} == {a['image_id'] for a in part['annotations']}
    with pytest.raises(ValueError, match=r'category ids \[99\]: not in the file'):
        select_categories(raw, [99])


def test_load_raw_names_the_file(tmp_path):
    path = write_json(tmp_path / 'a.json', dict(images=[]))
    with pytest.raises(ValueError, match='a.json.*not a COCO-like'):
        load_raw(str(path))


def test_minicape_keeps_its_meaning(kpt_data, tmp_path):
    root = kpt_data / 'minicape'
    parts = {s: load_raw(str(root / f'annotations/minicape_{s}.json')) for s in ('train', 'test')}
    data, log = normalize_categories(merge_files(parts))
    assert len(data['categories']) == 9 and len(log.from_one) == 9
    dataset = _load(root, write_json(tmp_path / 'all.json', data))
    for part in parts.values():
        for record in part['categories']:
            links = dataset.categories[record['id']].skeleton
            assert (links + 1).tolist() == record['skeleton']
    assert json.loads((tmp_path / 'all.json').read_text()) == data
