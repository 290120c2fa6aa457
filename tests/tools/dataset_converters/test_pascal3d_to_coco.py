"""tools/dataset_converters/pascal3d_to_coco.py on a small release."""

from __future__ import annotations

import json

import pytest

from kpt_plugins.datasets import Pascal3DDataset
from kpt_plugins.datasets.pascal3d_keypoints import KEYPOINTS
from tests.rigid_data import anchors, rigid_object, write_pascal3d, write_record
from tests.tools.tool import load_tool


@pytest.fixture(scope='module')
def main():
    return load_tool('dataset_converters/pascal3d_to_coco').main


@pytest.fixture
def release(tmp_path):
    return write_pascal3d(tmp_path / 'release', ['car', 'bus'], count=3)


def convert(main, release, *options):
    return main([str(release), '-o', str(release / 'annotations'), *options])


def test_files_load_in_the_dataset(main, release, capsys):
    assert convert(main, release, '--categories', 'car', 'bus') == 0
    assert 'car_train.json: 3 images; left out 0' in capsys.readouterr().out
    for category, number in dict(car=6, bus=5).items():
        for subset in ('train', 'val'):
            dataset = Pascal3DDataset(
                category,
                ann_file=f'annotations/{{category}}_{subset}.json',
                data_root=str(release),
                data_prefix=dict(img='Images'),
            )
            assert len(dataset) == 3
            record = dataset[2]
            assert record['img_path'].endswith(f'{category}_imagenet/{category}_{subset}_2.JPEG')
            assert record['bbox'].tolist() == [[10, 20, 100, 80]]
            expected = [[19 + 4 * k, 29 + 2 * k] for k in range(len(KEYPOINTS[category]))]
            assert record['keypoints'][0].tolist() == expected
            assert record['keypoints_visible'].min() == 1
            assert record['category_id'] == number
            assert record['azimuth'] == 100 and record['azimuth_bin'] == 2


def test_first_object_of_the_category(main, release):
    names = KEYPOINTS['car']
    items = [
        rigid_object('person', None),
        rigid_object('car', anchors(names, hidden=names[:5])),
        rigid_object('car', anchors(names)),
    ]
    folder = release / 'Annotations' / 'car_imagenet'
    write_record(folder / 'car_train_0.mat', items)
    write_record(folder / 'car_train_1.mat', [rigid_object('car', anchors(names, hidden=names))])
    assert convert(main, release, '--categories', 'car') == 0
    content = json.loads((release / 'annotations' / 'car_train.json').read_text())
    assert [image['file_name'] for image in content['images']] == [
        'car_imagenet/car_train_0.JPEG',
        'car_imagenet/car_train_2.JPEG',
    ]
    assert [a['num_keypoints'] for a in content['annotations']] == [7, 12]
    assert content['annotations'][0]['keypoints'][2:15:3] == [0] * 5
    assert content['categories'] == [dict(id=6, name='car', keypoints=list(names), skeleton=[])]


@pytest.mark.parametrize(
    ('path', 'message'),
    [
        ('Image_sets/car_imagenet_val.txt', 'there is no such list of images'),
        ('Annotations/car_imagenet/car_train_1.mat', 'there is no such annotation file'),
        ('Images/car_imagenet/car_train_1.JPEG', 'there is no such image'),
    ],
)
def test_missing_files(main, release, capsys, path, message):
    (release / path).unlink()
    assert convert(main, release, '--categories', 'car') == 1
    assert f'{path}: {message}' in capsys.readouterr().err


def test_errors(main, release, capsys):
    assert convert(main, release, '--categories', 'cat') == 1
    assert "category='cat': expected one of" in capsys.readouterr().err
    (release / 'Image_sets' / 'car_imagenet_train.txt').write_text('')
    assert convert(main, release, '--categories', 'car') == 1
    assert 'no image of car_train has a keypoint' in capsys.readouterr().err
    assert not (release / 'annotations').exists()
    # without --categories it asks for all of them
    assert convert(main, release) == 1
    assert 'aeroplane_imagenet_train.txt: there is no such list' in capsys.readouterr().err
