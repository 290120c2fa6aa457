"""tools/dataset_converters/occluded_pascal3d_to_coco.py on a small release."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kpt_plugins.datasets import OccludedPascal3DDataset
from tests.rigid_data import write_occluded, write_pascal3d
from tests.tools.tool import load_tool

CAR = 'carFGL2_BGL2'


@pytest.fixture(scope='module')
def tool():
    return load_tool('dataset_converters/occluded_pascal3d_to_coco')


@pytest.fixture
def root(tmp_path):
    write_pascal3d(tmp_path / 'clean', count=2)
    return write_occluded(tmp_path / 'occluded', count=2)


def convert(tool, root, *options):
    arguments = [str(root), '--pascal3d', str(root.parent / 'clean'), '-o', str(root / 'out')]
    return tool.main([*arguments, '--categories', 'car', *options])


def test_files_load_in_the_dataset(tool, root, capsys):
    assert convert(tool, root) == 0
    assert 'car_val.json: 6 images; left out 0' in capsys.readouterr().out
    dataset = OccludedPascal3DDataset(
        'car',
        ann_file='out/{category}_val.json',
        data_root=str(root),
        data_prefix=dict(img='images', occluder_mask='annotations'),
    )
    assert [record['occlusion_level'] for record in dataset] == [1, 1, 2, 2, 3, 3]
    for level, record in ((1, dataset[0]), (2, dataset[3])):
        name = f'carFGL{level}_BGL{level}/car_val_{level - 1}'
        assert record['img_path'] == str(root / 'images' / f'{name}.JPEG')
        assert record['occluder_mask'] == str(root / 'annotations' / f'{name}.npz')
        covered = record['keypoints'][..., 0] < 20 * level
        assert record['keypoints_occluded'].tolist() == covered.tolist()
        assert 0 < covered.sum() < 12
        # labelled as before: what is covered is for the metrics to tell apart
        assert record['keypoints_visible'].min() == 1
        assert record['bbox'].tolist() == [[10, 20, 100, 80]]
        assert record['object_occluded'] == pytest.approx((20 * level - 10) / 90, abs=1e-3)
        share = 20 * level * 90 - (20 * level - 10) * 60
        assert record['background_occluded'] == pytest.approx(share / (120 * 90 - 5400), abs=1e-3)
        assert record['azimuth_bin'] == level - 1


def test_one_level(tool, root):
    assert convert(tool, root, '--levels', 'FGL2_BGL2') == 0
    content = json.loads((root / 'out' / 'car_val.json').read_text())
    assert [a['occlusion_level'] for a in content['annotations']] == [2, 2]


def test_pixel_of_a_keypoint(tool):
    occluder = np.zeros((4, 6), bool)
    occluder[1, 3] = True
    points = [3, 1, 2, 3.4, 0.6, 2, 3.6, 1, 2, 3, 1, 0, 5.8, 1, 2, -3, 1, 2]
    assert tool.covered_keypoints(points, occluder) == [1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ('mask', 'expected'),
    [([[0, 9], [11, 255]], [[0, 0], [1, 1]]), ([[0, 1], [0, 1]], [[0, 1], [0, 1]])],
)
def test_object_masks_of_jpeg_files(tool, tmp_path, mask, expected):
    for array in (np.uint8(mask), np.repeat(np.uint8(mask)[..., None], 3, axis=2)):
        np.savez(tmp_path / 'a.npz', occluder_mask=np.eye(2), mask=array)
        occluder, obj = tool.read_masks(tmp_path / 'a.npz', (2, 2))
        assert obj.tolist() == np.array(expected, bool).tolist()
        assert occluder.tolist() == np.eye(2, dtype=bool).tolist()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (dict(mask=np.eye(2)), 'expected arrays occluder_mask and mask'),
        (dict(occluder_mask=np.eye(3), mask=np.eye(2)), r'mask: shape \(3, 3\), its image has'),
        (dict(occluder_mask=np.array([{}]), mask=np.eye(2)), 'expected arrays .*allow_pickle'),
    ],
)
def test_wrong_masks(tool, tmp_path, content, message):
    np.savez(tmp_path / 'a.npz', **content)
    with pytest.raises(ValueError, match=f'a.npz: .*{message}'):
        tool.read_masks(tmp_path / 'a.npz', (2, 2))


@pytest.mark.parametrize(
    ('levels', 'message'),
    [
        (['FGL4_BGL1'], '--levels FGL4_BGL1: expected FGLx_BGLy'),
        (['L2'], '--levels L2: expected'),
        (['FGL1_BGL1', 'FGL1_BGL2'], 'FGL1_BGL2 and FGL1_BGL1: expected one a FGL'),
    ],
)
def test_wrong_levels(tool, root, capsys, levels, message):
    assert convert(tool, root, '--levels', *levels) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ('path', 'message'),
    [
        (f'occluded/lists/{CAR}.txt', 'there is no such list of images'),
        (f'occluded/images/{CAR}/car_val_0.JPEG', 'there is no such image'),
        (f'occluded/annotations/{CAR}/car_val_0.npz', 'there is no such annotation file'),
        ('clean/Annotations/car_imagenet/car_val_0.mat', 'there is no such annotation file'),
    ],
)
def test_missing_files(tool, root, capsys, path, message):
    (root.parent / path).unlink()
    assert convert(tool, root) == 1
    assert f'{path}: {message}' in capsys.readouterr().err
    assert not (root / 'out').exists()


def test_empty_lists(tool, root, capsys):
    for path in (root / 'lists').iterdir():
        path.write_text('')
    assert convert(tool, root) == 1
    assert 'no image of car has a keypoint' in capsys.readouterr().err
