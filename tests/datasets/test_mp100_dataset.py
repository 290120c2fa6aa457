"""MP100Dataset: records, categories, selection, and what it refuses."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from mmpose.registry import DATASETS

from kpt_plugins.datasets import mp100_dataset
from kpt_plugins.datasets.instance import clean_box
from kpt_plugins.datasets.mp100_dataset import MP100Dataset
from kpt_plugins.datasets.mp100_splits import get_category_ids
from tests.helpers import coco_file, write_coco, write_json


@pytest.fixture
def logged(monkeypatch) -> list[tuple[int, str]]:
    """What the data set logs, as (level, message)."""
    messages = []
    monkeypatch.setattr(
        mp100_dataset,
        'print_log',
        lambda message, logger, level: messages.append((level, message)),
    )
    return messages


def _load(root, content, images=True, **arguments) -> MP100Dataset:
    write_coco(root, content, images)
    arguments.setdefault('serialize_data', False)  # serializing collects garbage, which is slow
    return MP100Dataset(ann_file='ann.json', data_root=str(root), **arguments)


def _tiny(root, subset='train', **arguments) -> MP100Dataset:
    arguments.setdefault('serialize_data', False)
    return MP100Dataset(
        ann_file=f'annotations/mp100_split1_{subset}.json', data_root=str(root), **arguments
    )


# --- records -------------------------------------------------------------------------------


def test_record_is_complete(tmp_path):
    content = coco_file(flip_pairs=[[0, 2]])
    content['annotations'][0]['keypoints'][3:6] = [0, 0, 0]
    content['annotations'][0]['num_keypoints'] = 2
    dataset = _load(tmp_path, content)
    record = dataset.get_data_info(0)
    assert record.pop('sample_idx') == 0
    expected = dict(
        img_path=str(tmp_path / 'images' / '0.png'),
        img_id=1,
        id=1,
        category_id=1,
        category_name='thing',
        bbox=np.float32([[4, 5, 24, 15]]),
        bbox_score=np.float32([1]),
        keypoints=np.float32([[[5, 6], [0, 0], [13, 12]]]),
        keypoints_visible=np.float32([[1, 0, 1]]),
        skeleton=np.array([[0, 1], [1, 2]]),
        keypoint_names=['p0', 'p1', 'p2'],
        flip_pairs=[(0, 2)],
    )
    assert set(record) == set(expected)
    for key, value in expected.items():
        if isinstance(value, np.ndarray):
            assert record[key].dtype == value.dtype and record[key].shape == value.shape, key
            np.testing.assert_array_equal(record[key], value, err_msg=key)
        else:
            assert record[key] == value and type(record[key]) is type(value), key


@pytest.mark.parametrize('serialize_data', [True, False])
def test_records_do_not_share_state(tmp_path, serialize_data):
    dataset = _load(tmp_path, coco_file(), serialize_data=serialize_data)
    first = dataset.get_data_info(0)
    for key in ('skeleton', 'keypoints', 'bbox'):
        first[key] += 1
    first['keypoint_names'].clear()
    again = dataset.get_data_info(0)
    assert again['skeleton'].tolist() == [[0, 1], [1, 2]]
    assert again['keypoints'][0, 0].tolist() == [5, 6] and len(again['keypoint_names']) == 3
    assert dataset.categories[1].skeleton.tolist() == [[0, 1], [1, 2]]


@pytest.mark.parametrize('subset', ['train', 'val', 'test'])
def test_against_a_slow_reading(tiny_mp100, subset):
    """Every record equals what a loop over the raw file finds, in the order of the images."""
    dataset = _tiny(tiny_mp100, subset)
    raw = json.loads((tiny_mp100 / f'annotations/mp100_split1_{subset}.json').read_text())
    index = 0
    for image in raw['images']:
        for annotation in raw['annotations']:
            if annotation['image_id'] != image['id']:
                continue
            record = dataset.get_data_info(index)
            index += 1
            assert record['id'] == annotation['id'] and record['img_id'] == image['id']
            assert type(record['img_id']) is int and record['img_id'] > 2**53
            assert record['img_path'] == str(tiny_mp100 / 'images' / image['file_name'])
            triples = np.array(annotation['keypoints']).reshape(-1, 3)
            np.testing.assert_allclose(record['keypoints'][0], triples[:, :2], rtol=1e-6)
            assert record['keypoints_visible'][0].tolist() == (triples[:, 2] > 0).tolist()
            box = clean_box(annotation['bbox'], image['width'], image['height'])
            np.testing.assert_allclose(record['bbox'][0], box, rtol=1e-6)
    assert index == len(dataset) == 120


def test_pipeline_and_registry(tiny_mp100):
    config = dict(
        type='MP100Dataset',
        ann_file='annotations/mp100_split1_val.json',
        data_root=str(tiny_mp100),
        pipeline=[dict(type='mmpose.LoadImage')],
    )
    item = DATASETS.build(config)[3]
    assert item['img'].dtype == np.uint8 and item['img'].shape[2] == 3


# --- categories ----------------------------------------------------------------------------


def test_categories_of_tiny_mp100(tiny_mp100):
    dataset = _tiny(tiny_mp100)
    assert list(dataset.categories) == list(get_category_ids(1, 'train')[:6])
    names = [c.name for c in dataset.categories.values()]
    assert names.count('face') == 2
    raw = json.loads((tiny_mp100 / 'annotations/mp100_split1_train.json').read_text())
    for record, category in zip(raw['categories'], dataset.categories.values(), strict=True):
        count = category.num_keypoints
        assert len(category.keypoint_names) == count
        assert category.skeleton.min() == 0 and category.skeleton.max() == count - 1
        assert category.folder == f'thing_{record["id"]}'
        if record['skeleton']:
            assert (category.skeleton + category.id % 3).tolist() == record['skeleton']
            assert list(category.keypoint_names) == record['keypoints']
        else:
            assert len(category.skeleton) == count - 1
            assert category.keypoint_names[:2] == ('keypoint_0', 'keypoint_1')
    assert {i % 3 for i in dataset.categories} == {0, 1, 2}


def test_order_is_that_of_the_file(tmp_path):
    content = coco_file()
    for category_id in (9, 4):
        content['categories'].insert(0, {**content['categories'][-1], 'id': category_id})
        content['annotations'].append(
            {**content['annotations'][0], 'id': category_id, 'category_id': category_id}
        )
    dataset = _load(tmp_path, content, category_ids=[1, 9, 4])
    assert list(dataset.categories) == [4, 9, 1]


def test_mean_pose_by_loops(tiny_mp100):
    dataset = _tiny(tiny_mp100)
    for category in dataset.categories.values():
        for k in range(category.num_keypoints):
            positions = []
            for index in dataset.indices_of(category.id):
                record = dataset.get_data_info(index)
                if record['keypoints_visible'][0, k]:
                    x1, y1, x2, y2 = record['bbox'][0].astype(float)
                    x, y = record['keypoints'][0, k].astype(float)
                    positions.append([(x - x1) / (x2 - x1), (y - y1) / (y2 - y1)])
            np.testing.assert_allclose(
                category.mean_pose[k], np.mean(positions, axis=0), rtol=1e-5, atol=1e-6
            )


def test_never_visible_keypoint_has_no_mean_and_no_link(tmp_path):
    content = coco_file(4, skeleton=[])
    for annotation in content['annotations']:
        annotation['keypoints'][3:6] = [0, 0, 0]
        annotation['num_keypoints'] = 3
    category = _load(tmp_path, content).categories[1]
    assert np.isnan(category.mean_pose).any(axis=1).tolist() == [False, True, False, False]
    assert category.skeleton.tolist() == [[0, 2], [2, 3]]


def test_indices_of(tiny_mp100):
    dataset = _tiny(tiny_mp100)
    seen = []
    for category_id in dataset.categories:
        indices = dataset.indices_of(category_id)
        assert all(dataset.get_data_info(i)['category_id'] == category_id for i in indices)
        assert indices.tolist() == sorted(indices)
        seen += indices.tolist()
    assert sorted(seen) == list(range(len(dataset)))
    with pytest.raises(KeyError, match='category id 100 is not'):
        dataset.indices_of(100)


@pytest.mark.parametrize('serialize_data', [True, False])
def test_subset_has_its_own_indices(tiny_mp100, serialize_data):
    dataset = _tiny(tiny_mp100, serialize_data=serialize_data)
    second = list(dataset.categories)[1]
    assert dataset.indices_of(second).tolist() == list(range(20, 40))
    part = dataset.get_subset(list(range(30, 50)))
    assert part.indices_of(second).tolist() == list(range(10))
    assert dataset.indices_of(second).tolist() == list(range(20, 40))
    dataset.get_subset_(25)
    assert dataset.indices_of(second).tolist() == list(range(20, 25))


def test_lazy_init(tiny_mp100):
    dataset = _tiny(tiny_mp100, lazy_init=True)
    assert not dataset._fully_initialized
    assert len(dataset.categories) == 6


def test_metainfo_is_plain(tiny_mp100):
    metainfo = _tiny(tiny_mp100).metainfo
    assert metainfo['dataset_name'] == 'mp100'
    assert json.loads(json.dumps(metainfo)) == metainfo
    assert len(metainfo['categories']) == 6


# --- selection -----------------------------------------------------------------------------


@pytest.fixture(scope='module')
def merged(tiny_mp100, tmp_path_factory) -> str:
    """The three files of split 1 as one."""
    parts = [
        json.loads((tiny_mp100 / f'annotations/mp100_split1_{s}.json').read_text())
        for s in ('test', 'train', 'val')
    ]
    content = {k: [v for p in parts for v in p[k]] for k in ('images', 'annotations', 'categories')}
    return str(write_json(tmp_path_factory.mktemp('merged') / 'merged.json', content))


def test_category_ids(tiny_mp100, merged):
    dataset = MP100Dataset(merged, data_root=str(tiny_mp100), category_ids=[3, 2])
    assert list(dataset.categories) == [2, 3] and len(dataset) == 40


def test_split_of_a_merged_file(tiny_mp100, merged, monkeypatch):
    def first_six(split, subset):
        return get_category_ids(split, subset)[:6]

    monkeypatch.setattr(mp100_dataset, 'get_category_ids', first_six)
    for subset in ('train', 'val', 'test'):
        part = MP100Dataset(merged, data_root=str(tiny_mp100), split=1, subset=subset)
        whole = _tiny(tiny_mp100, subset)
        assert list(part.categories) == list(whole.categories)
        assert [part.get_data_info(i)['id'] for i in range(len(part))] == [
            whole.get_data_info(i)['id'] for i in range(len(whole))
        ]


def test_incomplete_merged_file_is_refused(tiny_mp100, merged):
    with pytest.raises(ValueError, match=r'category_ids \[11, 13.*not among the 18 categories'):
        MP100Dataset(merged, data_root=str(tiny_mp100), split=1, subset='train')


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(split=1), 'split=1, subset=None: give both'),
        (dict(split=6, subset='train'), 'split 6'),
        (dict(split=1, subset='novel'), "subset 'novel'"),
        (dict(split=1, subset='val', category_ids=[1]), 'not both'),
        (dict(skeleton_base=2), 'skeleton_base=2'),
        (dict(skeleton_fallback='tree'), "skeleton_fallback='tree'"),
        (dict(category_ids=[1, 55]), r'category_ids \[55\]: not among'),
        (dict(skeletons={1: [[0, 3]]}), r'category 1 \(thing\): skeleton index 3'),
        (dict(min_visible=4), 'no usable instance'),
    ],
)
def test_wrong_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        _load(tmp_path, coco_file(), **arguments)


# --- skeletons -----------------------------------------------------------------------------


def _two_skeletons(first: list, second: list) -> dict:
    """Two categories of four keypoints each."""
    content = coco_file(4, skeleton=first)
    content['categories'].append({**content['categories'][0], 'id': 2, 'skeleton': second})
    content['annotations'][1]['category_id'] = 2
    return content


def test_mixed_bases_in_one_file(tmp_path):
    dataset = _load(tmp_path, _two_skeletons([[0, 1], [1, 2]], [[1, 2], [3, 4]]))
    assert dataset.categories[1].skeleton.tolist() == [[0, 1], [1, 2]]
    assert dataset.categories[2].skeleton.tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize('other, expected', [([[0, 1]], [[1, 2]]), ([[1, 4]], [[0, 1]])])
def test_unclear_base_follows_the_file(tmp_path, logged, other, expected):
    dataset = _load(tmp_path, _two_skeletons(other, [[1, 2]]))
    assert dataset.categories[2].skeleton.tolist() == expected
    assert logged == []


def test_evidence_does_not_depend_on_the_selection(tmp_path):
    dataset = _load(tmp_path, _two_skeletons([[0, 1]], [[1, 2]]), category_ids=[2])
    assert dataset.categories[2].skeleton.tolist() == [[1, 2]]


def test_unclear_base_without_evidence_is_one_and_says_so(tmp_path, logged):
    dataset = _load(tmp_path, _two_skeletons([[2, 3]], [[1, 2]]))
    assert dataset.categories[2].skeleton.tolist() == [[0, 1]]
    ((level, message),) = logged
    assert level == logging.WARNING and '1 (thing), 2 (thing) may count from 0' in message


def test_stated_base_of_the_file(tmp_path, logged):
    content = _two_skeletons([[2, 3]], [[1, 2]])
    content['info'] = dict(skeleton_base=0)
    assert _load(tmp_path, content).categories[2].skeleton.tolist() == [[1, 2]]
    assert logged == []
    content['info'] = dict(skeleton_base=5)
    with pytest.raises(ValueError, match='info.skeleton_base: 5'):
        _load(tmp_path, content)


def test_skeleton_base_argument(tmp_path):
    content = _two_skeletons([[1, 2]], [[2, 3]])
    assert _load(tmp_path, content, skeleton_base=0).categories[1].skeleton.tolist() == [[1, 2]]
    assert _load(tmp_path, content, skeleton_base=1).categories[1].skeleton.tolist() == [[0, 1]]


def test_skeletons_override(tmp_path):
    content = _two_skeletons([[1, 2]], [[9, 9]])  # the second one is unusable as it stands
    dataset = _load(tmp_path, content, skeletons={'2': [[1, 2], [2, 3]]})
    assert dataset.categories[2].skeleton.tolist() == [[1, 2], [2, 3]]


def test_skeletons_of_other_files(tmp_path, logged):
    dataset = _load(tmp_path, coco_file(), skeletons={55: [[0, 1]], 1: [[0, 2]]})
    assert dataset.categories[1].skeleton.tolist() == [[0, 2]]
    ((level, message),) = logged
    assert level == logging.WARNING and 'skeletons [55]: the file has no such' in message


def test_skeletons_of_categories_not_chosen_are_ignored(tmp_path):
    content = _two_skeletons([[0, 1]], [[0, 1]])
    dataset = _load(tmp_path, content, skeletons={2: [[1, 2]]}, category_ids=[1])
    assert list(dataset.categories) == [1]


@pytest.mark.parametrize(
    'strategy, links',
    [('mst', [[0, 1], [1, 2], [2, 3]]), ('knn', [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]])],
)
def test_fallback(tmp_path, strategy, links):
    dataset = _load(tmp_path, coco_file(4, skeleton=[]), skeleton_fallback=strategy)
    assert dataset.categories[1].skeleton.tolist() == links


def test_no_fallback(tmp_path):
    record = _load(tmp_path, coco_file(4, skeleton=[]), skeleton_fallback='none').get_data_info(0)
    assert record['skeleton'].shape == (0, 2) and record['skeleton'].dtype == np.int64


def test_fallback_measures_in_pixels_not_in_squared_boxes(tmp_path):
    content = coco_file(3, skeleton=[])
    for annotation in content['annotations']:
        annotation['bbox'] = [0, 0, 39, 5]
        annotation['keypoints'] = [1, 0, 2, 8, 0, 2, 1, 4, 2]
    # In the box squeezed to a square keypoint 2 would be nearer to none; in pixels it is 4 from 0.
    assert _load(tmp_path, content).categories[1].skeleton.tolist() == [[0, 1], [0, 2]]
    for annotation in content['annotations']:
        annotation['keypoints'] = [1, 0, 2, 30, 0, 2, 32, 4, 2]
    assert _load(tmp_path, content).categories[1].skeleton.tolist() == [[0, 1], [1, 2]]


def test_fallback_does_not_depend_on_the_images_there(tmp_path, logged):
    content = coco_file(4, skeleton=[], num_images=3)
    content['annotations'][2]['keypoints'] = [30, 6, 2, 5, 6, 2, 13, 29, 2, 21, 8, 2]
    whole = _load(tmp_path / 'a', content).categories[1]
    write_coco(tmp_path / 'b', content)
    (tmp_path / 'b/images/2.png').unlink()
    part = MP100Dataset('ann.json', str(tmp_path / 'b'), skip_missing_images=True)
    assert len(part) == 2
    np.testing.assert_array_equal(part.categories[1].mean_pose, whole.mean_pose)


@pytest.mark.parametrize(
    'skeleton, message',
    [
        ([[0, 4]], 'holds both index 0 and index 4'),
        ([[1, 7]], 'skeleton index 7 is out of range'),
        ([[1]], 'expected a list of'),
    ],
)
def test_wrong_skeleton(tmp_path, skeleton, message):
    with pytest.raises(ValueError, match=message) as error:
        _load(tmp_path, coco_file(4, skeleton=skeleton))
    assert 'ann.json: category 1 (thing)' in str(error.value)


def test_wrong_flip_pairs(tmp_path):
    with pytest.raises(ValueError, match='category 1 .*flip_pairs.*index 3 is out of range'):
        _load(tmp_path, coco_file(flip_pairs=[[0, 3]]))


# --- what is wrong with the annotations ----------------------------------------------------


def test_number_of_keypoints_comes_from_the_annotations(tmp_path):
    content = coco_file(5, skeleton=[[1, 5]])
    content['categories'][0]['keypoints'] = ['a', 'b']
    category = _load(tmp_path, content).categories[1]
    assert category.num_keypoints == 5 and category.keypoint_names[1] == 'keypoint_1'


def test_annotations_must_agree(tmp_path):
    content = coco_file()
    content['annotations'][1]['keypoints'] += [1, 2, 2]
    with pytest.raises(ValueError, match='annotation 2 has 4 keypoints, annotation 1 has 3'):
        _load(tmp_path, content)


@pytest.mark.parametrize(
    'field, value, message',
    [
        ('bbox', [1, 2, 3], 'annotation 2: bbox'),
        ('keypoints', [1, 2, 7] * 3, 'annotation 2: keypoints: visibility 7'),
        ('keypoints', 'abc', "annotation 2: keypoints 'abc': expected a flat list"),
        (
            'keypoints',
            [[1, 2, 2]] * 4,
            r'annotation 2: keypoints: \[1, 2, 2\] at place 0, expected',
        ),
        ('keypoints', ['1', '2', '2'] * 3, "annotation 2: keypoints: '1' at place 0, expected a f"),
        ('category_id', 5, r'annotations\[1\] \(id 2\): category_id: 5'),
    ],
)
def test_malformed_annotation(tmp_path, field, value, message):
    content = coco_file()
    content['annotations'][1][field] = value
    with pytest.raises(ValueError, match=message) as error:
        _load(tmp_path, content)
    assert 'ann.json' in str(error.value)


def test_dropped_instances_are_counted(tmp_path, logged):
    content = coco_file(num_images=5)
    content['annotations'][0]['iscrowd'] = 1
    content['annotations'][1]['iscrowd'] = 1
    content['annotations'][3]['area'] = 0
    dataset = _load(tmp_path, content)
    assert [dataset.get_data_info(i)['id'] for i in range(len(dataset))] == [3, 5]
    ((_, message),) = logged
    assert 'left out 3 of 5 instances: 2 crowd, 1 area of zero' in message


def test_two_instances_in_one_image(tmp_path):
    content = coco_file()
    content['annotations'].append({**content['annotations'][0], 'id': 7})
    dataset = _load(tmp_path, content)
    assert [dataset.get_data_info(i)['id'] for i in range(3)] == [1, 7, 2]


def test_category_without_instances_is_left_out_and_named(tmp_path, logged):
    content = coco_file()
    content['categories'].append({**content['categories'][0], 'id': 2, 'name': 'ghost'})
    assert list(_load(tmp_path, content).categories) == [1]
    assert any('no instance of 2 (ghost)' in message for _, message in logged)


# --- missing files -------------------------------------------------------------------------


def test_missing_image_is_refused(tmp_path):
    write_coco(tmp_path, coco_file(num_images=3))
    (tmp_path / 'images/1.png').unlink()
    with pytest.raises(FileNotFoundError) as error:
        MP100Dataset('ann.json', str(tmp_path))
    message = str(error.value)
    assert 'images/1.png' in message and '1 of 3 images are missing' in message
    assert 'skip_missing_images=True' in message and 'MP-100' not in message


def test_missing_images_are_skipped_and_counted(tmp_path, logged):
    content = coco_file(num_images=4)
    content['categories'].append({**content['categories'][0], 'id': 2, 'name': 'other'})
    content['annotations'][3]['category_id'] = 2
    write_coco(tmp_path, content)
    (tmp_path / 'images/1.png').unlink()
    (tmp_path / 'images/3.png').unlink()
    dataset = MP100Dataset('ann.json', str(tmp_path), skip_missing_images=True)
    assert [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))] == [1, 3]
    assert list(dataset.categories) == [1]
    assert logged[0][0] == logging.WARNING
    assert '2 of 4 images are missing' in logged[0][1]
    assert '1 thing: 1 of 3 instances' in logged[0][1]
    assert '2 other: 1 of 1 instances' in logged[0][1]
    assert 'no instance of 2 (other)' in logged[1][1]


@pytest.mark.parametrize('skip', [True, False])
def test_empty_image_directory(tmp_path, skip):
    write_coco(tmp_path, coco_file(), images=False)
    with pytest.raises(FileNotFoundError, match='2 of 2 images are missing'):
        MP100Dataset('ann.json', str(tmp_path), skip_missing_images=skip)


def test_no_image_directory(tmp_path):
    write_coco(tmp_path, coco_file())
    with pytest.raises(FileNotFoundError, match='photos: there is no such image directory'):
        MP100Dataset('ann.json', str(tmp_path), data_prefix=dict(img='photos'))


def test_other_layout_is_recognised(tmp_path):
    """MP-100 is in use with and without a directory `images`."""
    write_coco(tmp_path, coco_file())
    (tmp_path / 'images/0.png').rename(tmp_path / '0.png')
    with pytest.raises(FileNotFoundError, match=r"set data_prefix=dict\(img=''\)"):
        MP100Dataset('ann.json', str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"set data_prefix=dict\(img='images'\)"):
        MP100Dataset('ann.json', str(tmp_path), data_prefix=dict(img=''))


def test_missing_mp100_says_what_it_is(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        MP100Dataset('annotations/mp100_split1_train.json', str(tmp_path / 'mp100'))
    message = str(error.value)
    assert str(tmp_path / 'mp100/annotations/mp100_split1_train.json') in message
    assert 'Pose-for-Everything' in message and 'configs/fmmp_synth.py' in message


def test_other_missing_files_are_not_called_mp100(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        MP100Dataset('ann.json', 'data/own')
    assert 'data/own/ann.json: there is no such annotation file' in str(error.value)
    assert 'MP-100' not in str(error.value)


# --- real images ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    'subset, ids', [('train', [2, 3, 12, 14, 17, 11, 23]), ('val', [18]), ('test', [4, 10])]
)
def test_minicape(kpt_data, subset, ids):
    root = kpt_data / 'minicape'
    dataset = MP100Dataset(f'annotations/minicape_{subset}.json', str(root))
    raw = json.loads((root / f'annotations/minicape_{subset}.json').read_text())
    assert list(dataset.categories) == ids and len(dataset) == len(raw['annotations'])
    for record, category in zip(raw['categories'], dataset.categories.values(), strict=True):
        assert (category.skeleton + 1).tolist() == record['skeleton']
        assert list(category.keypoint_names) == record['keypoints']


@pytest.mark.parametrize('animal, count', [('cattle', 206), ('horse', 67), ('sheep', 66)])
def test_livestock(kpt_data, animal, count):
    dataset = MP100Dataset(f'annotations/{animal}_test.json', str(kpt_data / 'livestock'))
    (category,) = dataset.categories.values()
    assert len(dataset) == count and category.num_keypoints == 18
    assert category.skeleton.tolist()[:2] == [[0, 1], [1, 2]]


def test_category_ids_may_be_one_id_but_no_string(tiny_mp100):
    options = dict(
        data_root=str(tiny_mp100),
        ann_file='annotations/mp100_split1_val.json',
        data_prefix=dict(img='images'),
    )
    first = next(iter(MP100Dataset(**options).categories))
    assert list(MP100Dataset(**options, category_ids=first).categories) == [first]
    with pytest.raises(ValueError, match="category_ids .* got the string '12'"):
        MP100Dataset(**options, category_ids='12')
