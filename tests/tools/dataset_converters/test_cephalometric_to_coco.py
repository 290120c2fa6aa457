"""tools/dataset_converters/cephalometric_to_coco.py from the command line."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import cv2
import numpy as np
import pytest

from kpt_plugins.datasets import CephalometricDataset
from kpt_plugins.datasets.cephalometric_dataset import LANDMARKS
from tests.helpers import write_json
from tests.tools.tool import TOOLS, load_tool

NAME = 'dataset_converters/cephalometric_to_coco'


@pytest.fixture(scope='module')
def main():
    return load_tool(NAME).main


def position(image, number):
    return [10 * number + image, 3 * number]


def challenge_file(num_images=10):
    """Landmarks as the challenge gives them, an image's in descending order."""
    return dict(
        name='Orthodontic landmarks',
        type='Multiple points',
        points=[
            dict(name=number, point=[*position(image, number), image], scale=f'0.{image:03d}')
            for image in range(1, num_images + 1)
            for number in range(38, 0, -1)
        ],
    )


def write_images(folder, first=0, count=10, suffix='.bmp'):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        # The width tells which slice of the stack an image is.
        cv2.imwrite(str(folder / f'{number + first}{suffix}'), np.zeros((120, 400 + number, 3)))
    return folder


def convert(main, root, content=None, *options):
    landmarks = write_json(root / 'train-gt.json', challenge_file() if content is None else content)
    arguments = [str(landmarks), '--images', str(root / 'images'), '-o', str(root / 'out')]
    return main([*arguments, *options])


@pytest.mark.parametrize(('first', 'suffix'), [(0, '.bmp'), (1, '.png')])
def test_files_load_in_the_dataset(main, tmp_path, capsys, first, suffix):
    write_images(tmp_path / 'images', first, suffix=suffix)
    (tmp_path / 'images' / 'notes.txt').write_text('')
    assert convert(main, tmp_path, None, '--val', '2', '--test', '3') == 0
    assert 'cephalometric_train.json: 5 images' in capsys.readouterr().out
    seen = []
    for name, count in dict(train=5, val=2, test=3).items():
        dataset = CephalometricDataset(
            ann_file=f'out/cephalometric_{name}.json',
            data_root=str(tmp_path),
            data_prefix=dict(img='images'),
        )
        assert len(dataset) == count
        for record in dataset:
            image = record['img_id']
            seen.append(image)
            assert record['img_path'] == str(tmp_path / 'images' / f'{image - 1 + first}{suffix}')
            assert cv2.imread(record['img_path']).shape[1] == 399 + image
            assert record['spacing'] == image / 1000
            expected = [position(image, number) for number in range(1, 39)]
            assert record['keypoints'][0].tolist() == expected
            assert record['keypoints_visible'].min() == 1
            assert record['bbox'].tolist() == [[0, 0, 398 + image, 119]]
    assert sorted(seen) == list(range(1, 11))
    content = json.loads((tmp_path / 'out' / 'cephalometric_val.json').read_text())
    assert content['categories'][0]['keypoints'] == list(LANDMARKS)


def test_split_depends_on_the_seed_alone(main, tmp_path):
    write_images(tmp_path / 'images')

    def ids(*options):
        assert convert(main, tmp_path, None, *options) == 0
        files = sorted((tmp_path / 'out').iterdir())
        return [[i['id'] for i in json.loads(file.read_text())['images']] for file in files]

    sizes = ('--val', '2', '--test', '3')
    assert ids(*sizes) == ids(*sizes, '--seed', '2023') != ids(*sizes, '--seed', '1')
    # That of the organisers' baseline: the shuffled list, cut in the order train, val, test.
    random.seed(2023)
    order = list(range(1, 11))
    random.shuffle(order)
    assert ids(*sizes) == [sorted(order[7:]), sorted(order[:5]), sorted(order[5:7])]


def test_empty_subsets_are_not_written(main, tmp_path):
    write_images(tmp_path / 'images')
    assert convert(main, tmp_path, None, '--val', '0', '--test', '0') == 0
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['cephalometric_train.json']
    content = json.loads((tmp_path / 'out' / 'cephalometric_train.json').read_text())
    assert [image['id'] for image in content['images']] == list(range(1, 11))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(name=39), r'points\[1\]: name: 39, expected 1 to 38'),
        (dict(name='x'), r'points\[1\]: .*expected name \(1 to 38\)'),
        (dict(scale='0'), 'scale: 0.0, expected mm a pixel'),
        (dict(scale='0.5'), r'scale: 0.5, but 0.001 before for the image'),
        (dict(scale=None), r'expected name .* and scale'),
        (dict(point=[1, 2]), r'expected name .*point \[x, y, image number\]'),
        (dict(point=[1, 'y', 1]), r"point: \[1, 'y', 1\]"),
        (dict(point=[1, 2, 0]), 'image number 0, expected a whole number from 1'),
        (dict(name=38), 'landmark 38 of image 1 is there twice'),
        (dict(point=[5, 5, 2], scale='0.002'), 'landmark 37 of image 2 is there twice'),
    ],
)
def test_points_that_are_wrong(main, tmp_path, capsys, change, message):
    write_images(tmp_path / 'images')
    content = challenge_file()
    content['points'][1].update(change)
    assert convert(main, tmp_path, content, '--val', '1', '--test', '1') == 1
    error = capsys.readouterr().err
    assert 'train-gt.json: points[' in error
    with pytest.raises(ValueError, match=message):
        load_tool(NAME).read_landmarks(tmp_path / 'train-gt.json')
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([], 'no list "points"'),
        (dict(points=[]), 'no list "points"'),
        (dict(points=[3]), 'points[0]: a int, expected an object'),
        (dict(points=challenge_file()['points'][:-2]), 'image 10 has no landmark [1, 2]'),
    ],
)
def test_files_that_are_wrong(main, tmp_path, capsys, content, message):
    write_images(tmp_path / 'images')
    assert convert(main, tmp_path, content) == 1
    assert message in capsys.readouterr().err


def test_images_that_are_wrong(main, tmp_path, capsys):
    sizes = ('--val', '1', '--test', '1')
    assert convert(main, tmp_path, None, *sizes) == 1
    assert 'images: there is no such image directory' in capsys.readouterr().err
    write_images(tmp_path / 'images', count=9)
    assert convert(main, tmp_path, None, *sizes) == 1
    error = capsys.readouterr().err
    assert '9.*: there is no such image; it is number 10 of 10' in error and 'from 0' in error
    cv2.imwrite(str(tmp_path / 'images' / '3.png'), np.zeros((2, 2, 3)))
    assert convert(main, tmp_path, None, *sizes) == 1
    assert 'two images of one number' in capsys.readouterr().err


def test_unreadable_image(main, tmp_path, capsys):
    write_images(tmp_path / 'images')
    (tmp_path / 'images' / '4.bmp').write_text('not an image')
    assert convert(main, tmp_path, None, '--val', '1', '--test', '1') == 1
    assert '4.bmp' in capsys.readouterr().err


@pytest.mark.parametrize('sizes', [('5', '5'), ('-1', '0')])
def test_sizes_that_do_not_fit(main, tmp_path, capsys, sizes):
    write_images(tmp_path / 'images')
    assert convert(main, tmp_path, None, '--val', sizes[0], '--test', sizes[1]) == 1
    assert f'--val {sizes[0]} --test {sizes[1]}: ' in capsys.readouterr().err


def test_help():
    result = subprocess.run(
        [sys.executable, str(TOOLS / f'{NAME}.py'), '--help'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'train-gt.json' in result.stdout and '--images' in result.stdout
