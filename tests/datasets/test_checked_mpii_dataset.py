"""CheckedMpiiDataset: MMPose's MPII, and what it says of missing files."""

from __future__ import annotations

import numpy as np
import pytest
from mmpose.registry import DATASETS

from tests.configs.ikl_data import write_data


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    write_data(root)
    return root / 'mpii'


def build(kind, root, **kwargs):
    return DATASETS.build(
        dict(
            type=kind,
            data_root=str(root),
            ann_file='annotations/mpii_val.json',
            data_prefix=dict(img='images/'),
            test_mode=True,
            headbox_file=f'{root}/annotations/mpii_gt_val.mat',
        )
        | kwargs
    )


def test_same_as_mmposes(root):
    ours, theirs = build('CheckedMpiiDataset', root), build('MpiiDataset', root)
    assert len(ours) == len(theirs) > 0
    for key, value in theirs.get_data_info(1).items():
        np.testing.assert_equal(ours.get_data_info(1)[key], value)
    assert ours.metainfo['keypoint_id2name'] == theirs.metainfo['keypoint_id2name']


@pytest.mark.parametrize(
    'change',
    [
        dict(ann_file='annotations/missing.json'),
        dict(headbox_file='nowhere/missing.mat'),
        dict(data_prefix=dict(img='missing/')),
    ],
)
def test_missing_files(root, change):
    message = 'missing.*: there is no such .*MPII Human Pose is offered by its authors'
    with pytest.raises(FileNotFoundError, match=message):
        build('CheckedMpiiDataset', root, **change)
