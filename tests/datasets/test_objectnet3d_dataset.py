"""ObjectNet3DDataset: one category, several with common numbers, several with their own."""

from __future__ import annotations

import pytest
from mmpose.registry import DATASETS

from kpt_plugins.datasets.objectnet3d_dataset import CATEGORIES
from tests.helpers import write_coco

NAMES = dict(bed=['post1', 'post2'], mouse=['left', 'top', 'right'], pen=['tip'], cap=[])


def content():
    """An image with a bed, a mouse and a pen, and one with a mouse."""
    images = [dict(id=i, file_name=f'{i}.png', width=40, height=30) for i in (1, 2)]
    annotations = []
    for image, name in ((1, 'bed'), (1, 'mouse'), (1, 'pen'), (2, 'mouse')):
        number = len(annotations) + 1
        points = [v for k in range(len(NAMES[name])) for v in (5 + k, 6 + number, 2)]
        annotations.append(
            dict(
                id=number,
                image_id=image,
                category_id=CATEGORIES.index(name) + 1,
                bbox=[4, 5, 21, 11],
                area=231,
                iscrowd=0,
                num_keypoints=len(NAMES[name]),
                keypoints=points,
                azimuth=100.0 if number < 4 else None,
            )
        )
    categories = [
        dict(id=CATEGORIES.index(name) + 1, name=name, keypoints=points, skeleton=[])
        for name, points in NAMES.items()
    ]
    return dict(images=images, annotations=annotations, categories=categories)


@pytest.fixture
def root(tmp_path):
    write_coco(tmp_path, content())
    return tmp_path


def build(root, categories, **kwargs):
    return DATASETS.build(
        dict(
            type='ObjectNet3DDataset',
            categories=categories,
            ann_file='ann.json',
            data_root=str(root),
            data_prefix=dict(img='images'),
            **kwargs,
        )
    )


def test_one_category(root):
    dataset = build(root, ['mouse'], num_keypoints=3)
    info = dataset.metainfo
    assert info['dataset_name'] == 'objectnet3d_mouse'
    assert list(info['keypoint_id2name'].values()) == NAMES['mouse']
    assert info['flip_indices'] == [2, 1, 0]
    assert [record['img_id'] for record in dataset] == [1, 2]
    assert dataset[1]['keypoints'][0].tolist() == [[5, 10], [6, 10], [7, 10]]
    assert [record['azimuth'] for record in dataset] == [100, None]
    assert [record['azimuth_bin'] for record in dataset] == [2, -1]
    assert all(record['category'] == 'mouse' for record in dataset)


def test_common_numbers(root):
    dataset = build(root, ['mouse', 'bed'], num_keypoints=4)
    info = dataset.metainfo
    assert info['dataset_name'] == 'objectnet3d'
    assert list(info['keypoint_id2name'].values()) == [f'keypoint_{k}' for k in range(4)]
    assert info['flip_indices'] == [0, 1, 2, 3]
    assert [record['category'] for record in dataset] == ['bed', 'mouse', 'mouse']
    assert [record['category_id'] for record in dataset] == [5, 57, 57]
    visible = [record['keypoints_visible'][0].tolist() for record in dataset]
    assert visible == [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]]
    assert dataset[0]['keypoints'][0].tolist() == [[5, 7], [6, 7], [0, 0], [0, 0]]
    assert build(root, ['mouse', 'bed']).metainfo['num_keypoints'] == 3


def test_own_numbers(root):
    dataset = build(root, ['mouse', 'pen', 'bed'], separate=True, num_keypoints=6)
    names = list(dataset.metainfo['keypoint_id2name'].values())
    assert names == ['mouse/left', 'mouse/top', 'mouse/right', 'pen/tip', 'bed/post1', 'bed/post2']
    assert dataset.metainfo['flip_indices'] == list(range(6))
    visible = {r['category']: r['keypoints_visible'][0].tolist() for r in dataset}
    assert visible == dict(mouse=[1, 1, 1, 0, 0, 0], pen=[0, 0, 0, 1, 0, 0], bed=[0, 0, 0, 0, 1, 1])
    assert dataset[0]['keypoints'][0, 4:].tolist() == [[5, 7], [6, 7]]
    # metrics that read the annotation itself find the same numbers
    assert len(dataset[0]['raw_ann_info']['keypoints']) == 18


@pytest.mark.parametrize(
    ('categories', 'options', 'message'),
    [
        (['mouse', 'bed'], dict(num_keypoints=2), 'num_keypoints=2: expected at least 3 for mouse'),
        (['mouse'], dict(num_keypoints=4), 'num_keypoints=4: expected 3 for mouse 3'),
        (['mouse', 'bed'], dict(num_keypoints=6, separate=True), 'expected 5 for mouse 3, bed 2'),
        (['car'], {}, "no keypoints of category 'car' in it; there are bed, mouse, pen"),
        (['cap'], {}, "no keypoints of category 'cap' in it"),
        (['cat'], {}, r"expected different names of ObjectNet3D, not \['cat'\]: aeroplane"),
        (['bed', 'bed'], {}, 'expected different names'),
        ([], {}, 'expected different names'),
        ('bed', {}, 'expected different names'),
        (['bed'], dict(metainfo={}), 'takes it from the annotation file'),
    ],
)
def test_wrong_arguments(root, categories, options, message):
    with pytest.raises(ValueError, match=message):
        build(root, categories, **options)


def test_other_ids(tmp_path):
    file = content()
    file['categories'][0]['id'] = 1
    file['annotations'][0]['category_id'] = 1
    write_coco(tmp_path, file)
    with pytest.raises(ValueError, match="category 'bed' has the id 1, expected 5"):
        build(tmp_path, ['bed'])


@pytest.mark.parametrize('separate', [False, True])
@pytest.mark.parametrize('points', [[1, 1, 2], [1, 1, 2] * 2, [1, 1, 2] * 4])
def test_wrong_number_of_values(tmp_path, separate, points):
    file = content()
    file['annotations'][1]['keypoints'] = points
    write_coco(tmp_path, file)
    message = f'annotation 2: keypoints: {len(points)} values, expected 9 of category .mouse'
    with pytest.raises(ValueError, match=message):
        build(tmp_path, ['mouse', 'bed'], separate=separate)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='ann.json: there is no such.*objectnet3d_to_coco'):
        build(tmp_path, ['bed'])
    write_coco(tmp_path, content(), images=False)
    with pytest.raises(FileNotFoundError, match='1.png: there is no such image.*objectnet3d'):
        build(tmp_path, ['bed'])
