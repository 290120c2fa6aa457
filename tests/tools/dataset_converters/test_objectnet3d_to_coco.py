"""tools/dataset_converters/objectnet3d_to_coco.py on a small release."""

from __future__ import annotations

import json

import pytest

from kpt_plugins.datasets import ObjectNet3DDataset
from tests.rigid_data import anchor, rigid_object, write_objectnet3d, write_record
from tests.tools.tool import load_tool

BED, CUP = ('mattress1', 'mattress2', 'bedpost_top1'), ('handle_upper', 'bowl_top1')


@pytest.fixture(scope='module')
def main():
    return load_tool('dataset_converters/objectnet3d_to_coco').main


@pytest.fixture
def release(tmp_path):
    return write_objectnet3d(tmp_path / 'release', dict(bed=BED, cup=CUP))


def convert(main, release, *options):
    return main([str(release), '-o', str(release / 'annotations'), *options])


def read(release, subset):
    return json.loads((release / 'annotations' / f'objectnet3d_{subset}.json').read_text())


def test_files_load_in_the_dataset(main, release, capsys):
    assert convert(main, release) == 0
    assert 'objectnet3d_train.json: 2 categories, 3 images, 6 objects' in capsys.readouterr().out
    assert not (release / 'annotations' / 'objectnet3d_test.json').exists()
    for subset in ('train', 'val'):
        assert read(release, subset)['categories'] == [
            dict(id=5, name='bed', keypoints=list(BED), skeleton=[]),
            dict(id=26, name='cup', keypoints=list(CUP), skeleton=[]),
        ]
        dataset = ObjectNet3DDataset(
            ['cup'],
            ann_file=f'annotations/objectnet3d_{subset}.json',
            data_root=str(release),
            data_prefix=dict(img='Images'),
        )
        assert len(dataset) == 3
        assert dataset[1]['img_path'] == str(release / 'Images' / f'{subset}_1.JPEG')
        assert dataset[1]['keypoints'][0].tolist() == [[19, 29], [23, 31]]


def test_objects_that_are_left_out(main, release):
    seen = dict.fromkeys(BED, anchor((30, 40)))
    write_record(
        release / 'Annotations' / 'train_0.mat',
        [
            rigid_object('bed', seen, difficult=1),
            rigid_object('bed', dict.fromkeys(BED, anchor())),
            rigid_object('bed', None),
            rigid_object('cup', dict.fromkeys(CUP, anchor((30, 40)))),
        ],
    )
    assert convert(main, release, '--categories', 'bed') == 0
    content = read(release, 'train')
    assert [image['file_name'] for image in content['images']] == ['train_1.JPEG', 'train_2.JPEG']
    assert [a['category_id'] for a in content['annotations']] == [5, 5]
    assert [record['name'] for record in content['categories']] == ['bed']


def test_names_are_those_of_all_files(main, release):
    """Some objects lack anchors of their category."""
    write_record(
        release / 'Annotations' / 'train_0.mat',
        [rigid_object('bed', {BED[1]: anchor((5, 6)), BED[0]: anchor()})],
    )
    assert convert(main, release) == 0
    names = read(release, 'val')['categories'][0]['keypoints']
    assert names == read(release, 'train')['categories'][0]['keypoints']
    assert names == [BED[1], BED[0], BED[2]]
    first = read(release, 'train')['annotations'][0]
    assert first['keypoints'] == [4, 5, 2, 0, 0, 0, 0, 0, 0]


def test_errors(main, release, capsys):
    assert convert(main, release, '--categories', 'bed', 'cat') == 1
    assert '--categories: cat: expected some of' in capsys.readouterr().err
    assert convert(main, release, '--categories', 'car') == 1
    assert 'no object of train has a keypoint' in capsys.readouterr().err
    (release / 'Images' / 'train_0.JPEG').unlink()
    assert convert(main, release) == 1
    assert 'train_0.JPEG: there is no such image' in capsys.readouterr().err
    (release / 'Image_sets' / 'train.txt').unlink()
    assert convert(main, release) == 1
    assert 'train.txt: there is no such list of images' in capsys.readouterr().err
