import numpy as np
import pytest
import torch

from kpt_plugins.models.pose_estimators.prompts_to_image import prompts_to_image
from kpt_plugins.structures.geometry import crop_to_image_matrix
from tests.models.weak_shot import batch

POINTS, SCORES = torch.rand(4, 2), torch.rand(4)


def test_crop_without_rotation():
    sample = batch('b')[1][1]
    result = prompts_to_image(POINTS, SCORES, sample)
    corner = np.array([40 - 32, 31 - 32])
    np.testing.assert_allclose(result.keypoints[0], corner + 64 * POINTS.numpy(), rtol=1e-5)
    assert result.keypoints.shape == (1, 4, 2) and result.keypoint_scores.shape == (1, 4)
    np.testing.assert_array_equal(result.keypoint_scores[0], SCORES.numpy())
    assert 'named_keypoints' not in result


def test_matrix_of_the_crop_is_taken_if_there_is_one():
    sample = batch('b')[1][0]
    meta = sample.metainfo
    matrix = crop_to_image_matrix(meta['input_center'], meta['input_scale'], 30.0, (32, 32))
    sample.set_metainfo(dict(crop_to_image=matrix))
    result = prompts_to_image(POINTS, SCORES, sample).keypoints[0]
    for point, found in zip(POINTS.tolist(), result, strict=True):
        expected = matrix @ [32 * point[0], 32 * point[1], 1]
        assert found == pytest.approx(expected)


def test_named_keypoints():
    names = torch.tensor([2, -1, 0])
    result = prompts_to_image(POINTS, SCORES, batch('b')[1][0], names)
    named = result.named_keypoints[0]
    np.testing.assert_array_equal(named[[0, 2]], result.keypoints[0, [2, 0]])
    assert np.isnan(named[1]).all()
    assert result.named_keypoint_scores.tolist() == [[SCORES[2].item(), 0, SCORES[0].item()]]


def test_sample_without_boxes():
    sample = batch('b')[1][0]
    del sample.gt_instances
    assert 'bboxes' not in prompts_to_image(POINTS, SCORES, sample)
