"""Pascal3DDataset: its records, the choice of azimuths, and what it says of wrong files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS

from kpt_plugins.apis.checkpoint import load_checkpoint_safely
from kpt_plugins.datasets.pascal3d_dataset import Pascal3DDataset
from kpt_plugins.datasets.pascal3d_keypoints import KEYPOINTS
from tests.helpers import coco_file, write_coco

NAMES = list(KEYPOINTS['car'])


def content(azimuths=(10, 55, None, 350)):
    file = coco_file(num_keypoints=12, skeleton=[], num_images=len(azimuths))
    file['categories'][0].update(id=6, name='car', keypoints=NAMES)
    for annotation, azimuth in zip(file['annotations'], azimuths, strict=True):
        annotation.update(category_id=6, azimuth=azimuth)
    return file


def build(root, **kwargs):
    return DATASETS.build(
        dict(
            type='Pascal3DDataset',
            category='car',
            ann_file='ann.json',
            data_root=str(root),
            data_prefix=dict(img='images'),
        )
        | kwargs
    )


def test_metainfo():
    info = Pascal3DDataset('car', lazy_init=True).metainfo
    assert info['dataset_name'] == 'pascal3d_car'
    assert list(info['keypoint_id2name'].values()) == NAMES
    assert info['flip_indices'][:4] == [2, 3, 0, 1]
    assert info['skeleton_links'] == []


def test_records(tmp_path):
    write_coco(tmp_path, content())
    dataset = build(tmp_path)
    assert [record['azimuth'] for record in dataset] == [10, 55, None, 350]
    assert [record['azimuth_bin'] for record in dataset] == [0, 1, -1, 7]
    for record in dataset:
        assert record['category'] == 'car' and record['category_id'] == 6
        assert record['occlusion_level'] == 0
        assert record['keypoints_occluded'].shape == (1, 12)
        assert record['keypoints_occluded'].dtype == bool and not record['keypoints_occluded'].any()


def test_unseen_poses(tmp_path):
    write_coco(tmp_path, content((10, 55, None, 350, 100, 135, 180, 225, 300)))
    train = build(tmp_path, azimuth_bins='TFFTTFFT')
    test = build(tmp_path, azimuth_bins='FTTFFTTF')
    assert [record['azimuth'] for record in train] == [10, 350, 135, 180]
    assert [record['azimuth'] for record in test] == [55, 100, 225, 300]


def test_bins_without_objects(tmp_path):
    write_coco(tmp_path, content())
    with pytest.raises(ValueError, match="none of 4 objects is in azimuth_bins='FFTFFFFF'"):
        build(tmp_path, azimuth_bins='FFTFFFFF')
    with pytest.raises(ValueError, match="azimuth_bins='TF'"):
        build(tmp_path, azimuth_bins='TF')


def test_file_of_another_category(tmp_path):
    """That of buses has as many keypoints."""
    write_coco(tmp_path, content())
    with pytest.raises(ValueError, match="ann.json: category 'car' .*expected 'bus'"):
        build(tmp_path, category='bus')
    file = content()
    file['categories'][0].pop('keypoints')
    write_coco(tmp_path, file)
    with pytest.raises(ValueError, match="with keypoints 'missing', expected 'car'"):
        build(tmp_path)


def test_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match="category='cat': expected one of aeroplane"):
        build(tmp_path, category='cat')
    with pytest.raises(ValueError, match='metainfo: that of PASCAL3D'):
        build(tmp_path, metainfo={})


def test_missing_files(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match='bus_train.json: there is no such annotation file.*cvgl.*pascal3d_to_coco.py',
    ):
        build(tmp_path, category='bus', ann_file='annotations/{category}_train.json')
    write_coco(tmp_path, content(), images=False)
    with pytest.raises(FileNotFoundError, match='0.png: there is no such image.*pascal3d_to_coco'):
        build(tmp_path)
    write_coco(tmp_path, content())
    (tmp_path / 'images' / '1.png').unlink()
    assert len(build(tmp_path, skip_missing_images=True)) == 3


def test_flip_exchanges_the_wheels(tmp_path):
    write_coco(tmp_path, content())
    init_default_scope('mmpose')
    flip = dict(type='RandomFlip', prob=1.0, direction='horizontal')
    dataset = build(tmp_path, pipeline=[dict(type='LoadImage'), flip])
    before, after = dataset.get_data_info(0), dataset[0]
    left, right = NAMES.index('left_front_wheel'), NAMES.index('right_front_wheel')
    expected = before['keypoints'][0, left] * (-1, 1) + (39, 0)
    assert np.allclose(after['keypoints'][0, right], expected)


def test_metainfo_is_read_back_from_a_checkpoint(tmp_path):
    """Without --allow-pickle, although there is no skeleton."""
    info = Pascal3DDataset('car', lazy_init=True).metainfo
    torch.save(dict(meta=dict(dataset_meta=info), state_dict={}), tmp_path / 'a.pth')
    loaded = load_checkpoint_safely(tmp_path / 'a.pth')['meta']['dataset_meta']
    assert loaded['keypoint_id2name'] == info['keypoint_id2name']
    assert len(loaded['skeleton_link_colors']) == 0
