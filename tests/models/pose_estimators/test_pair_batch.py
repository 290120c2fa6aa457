import pytest
import torch

from kpt_plugins.models.pose_estimators.pair_batch import stack_pairs
from tests.models.weak_shot import batch


def test_base_pairs_padded_to_the_most_keypoints():
    _, samples = batch('bnbb')
    pairs = stack_pairs(samples)
    assert (pairs.base, pairs.novel, pairs.category_ids) == ([0, 2, 3], [1], [10, 12, 13])
    assert pairs.points.shape == (3, 2, 5, 2) and pairs.visible.dtype == torch.bool
    for row, pair in enumerate(pairs.base):
        for side in (0, 1):
            labels = samples[2 * pair + side].gt_instance_labels
            size = labels.keypoints.shape[1]
            assert torch.equal(pairs.points[row, side, :size], labels.keypoints[0])
            assert torch.equal(pairs.visible[row, side, :size], labels.keypoints_visible[0] > 0)
            assert not pairs.visible[row, side, size:].any()


def test_outside_the_crop_is_invisible():
    _, samples = batch('b')
    for sample in samples:
        sample.gt_instance_labels.keypoints_visible[:] = 1
    samples[0].gt_instance_labels.keypoints[0, 1] = torch.tensor([0.5, 1.2])
    samples[1].gt_instance_labels.keypoints[0, 2] = torch.tensor([-0.1, 0.5])
    assert stack_pairs(samples).visible.tolist() == [[[True, False, True], [True, True, False]]]


def test_only_novel_pairs():
    pairs = stack_pairs(batch('nn')[1])
    assert (pairs.base, pairs.novel) == ([], [0, 1]) and pairs.points.shape[0] == 0


def test_no_pairs():
    samples = batch('bb')[1]
    with pytest.raises(ValueError, match='has 3 samples; expected pairs'):
        stack_pairs(samples[:3])
    with pytest.raises(ValueError, match=r'pair 0 is of .*\(10, True\) and \(11, True\)'):
        stack_pairs(samples[1:3])
    _, mixed = batch('bn')
    with pytest.raises(ValueError, match=r'\(10, True\) and \(11, False\)'):
        stack_pairs([mixed[0], mixed[2]])


def test_base_category_without_labels():
    _, samples = batch('nb')
    del samples[3].gt_instance_labels
    with pytest.raises(ValueError, match=r'category 11 is a base category.*3\.jpg.*novel_classes'):
        stack_pairs(samples)
