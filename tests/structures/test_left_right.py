"""Left and right keypoints by their names."""

from __future__ import annotations

import pytest
from mmpose.registry import DATASETS

from kpt_plugins.structures.left_right import find_left_right_pairs, find_unpaired


@pytest.mark.parametrize(
    ('left', 'right'),
    [
        ('left_eye', 'right_eye'),
        ('eye_left', 'eye_right'),
        ('leftEye', 'rightEye'),
        ('Left Eye', 'Right Eye'),
        ('LEFT_EYE', 'RIGHT_EYE'),
        ('eyeleft', 'eyeright'),
        ('upper left corner', 'upper right corner'),
        ('l_eye', 'r_eye'),
        ('L_Eye', 'R_Eye'),
        ('eye-l', 'eye-r'),
        ('eye.L', 'eye.R'),
        ('l eye', 'r eye'),
        ('front_l_paw', 'front_r_paw'),
        ('LEye', 'REye'),
        ('eyeL', 'eyeR'),
        ('eye_l2', 'eye_r2'),
    ],
)
def test_pairs(left, right):
    assert find_left_right_pairs(['nose', right, left]) == [(2, 1)]
    assert find_left_right_pairs([left, 'nose', right]) == [(0, 2)]
    assert find_unpaired(['nose', right, left]) == []
    assert find_unpaired(['nose', left]) == [left]
    assert find_unpaired([right, 'nose']) == [right]


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        ('leg', 'reg'),
        ('Lip', 'Rip'),
        ('all', 'arr'),
        ('LL', 'RR'),
        ('lEye', 'rEye'),
        ('p_lo', 'p_ro'),
        ('1', '2'),
    ],
)
def test_no_sides(one, other):
    assert find_left_right_pairs([one, other]) == []
    assert find_unpaired([one]) == []


def test_the_case_must_agree():
    assert find_left_right_pairs(['Left_eye', 'right_eye']) == []
    assert find_unpaired(['Left_eye', 'right_eye']) == ['Left_eye', 'right_eye']


@pytest.mark.parametrize(
    'dataset',
    ['CocoDataset', 'MpiiDataset', 'AnimalPoseDataset', 'AP10KDataset', 'CocoWholeBodyDataset'],
)
@pytest.mark.filterwarnings('ignore:The metainfo config file')
def test_pairs_of_known_datasets(dataset):
    """The names say what MMPose's metainfo states."""
    info = DATASETS.get(dataset)(lazy_init=True).metainfo
    names = [info['keypoint_id2name'][i] for i in range(info['num_keypoints'])]
    stated = {frozenset(pair) for pair in info['flip_pairs']}
    found = {frozenset(pair) for pair in find_left_right_pairs(names)}
    assert found <= stated
    numbered = {frozenset(pair) for pair in stated if all('face-' in names[i] for i in pair)}
    assert stated - found == numbered
