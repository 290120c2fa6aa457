import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from kpt_plugins.apis.random_episode import random_episode
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.visualization import draw_data_sample, draw_episode_row, draw_model_input
from kpt_plugins.visualization.episode import to_crop
from tests.apis.test_model_loading import TINY


@pytest.fixture(scope='module')
def item():
    return random_episode(load_config(TINY), num_shots=2, num_keypoints=6)


def with_prediction(item, keypoints):
    sample = item['data_samples'].clone()
    sample.pred_instances = InstanceData(keypoints=keypoints, keypoint_scores=np.full((1, 6), 0.75))
    return sample


def test_a_panel_each(item):
    row = draw_data_sample(item['inputs'], item['data_samples'], size=64)
    assert row.shape == (64 + 18, 3 * 64 + 2 * 4, 3)
    sample = with_prediction(item, item['data_samples'].gt_instances.keypoints)
    row = draw_data_sample(item['inputs'], sample, size=64)
    assert row.shape == (64 + 18, 4 * 64 + 3 * 4, 3)


def test_perfect_prediction_is_drawn_where_the_truth_is(item):
    sample = with_prediction(item, item['data_samples'].gt_instances.keypoints)
    sample.pred_instances.keypoint_scores = np.ones((1, 6))
    row = draw_data_sample(item['inputs'], sample, size=64)[18:]
    truth, pred = row[:, 136:200], row[:, 204:268]
    assert (truth == pred).all()


def test_keypoints_that_no_support_shows_are_left_out():
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    points = np.array([[[0.5, 0.5], [0.9, 0.9]]])
    pred = np.array([[0.1, 0.1], [0.8, 0.3]])
    row = draw_episode_row(
        [image], points, [[True, False]], image, np.zeros((0, 2)), pred=pred, size=100
    )
    panel = row[18:, 104:]
    assert panel[5:15, 5:15].any()
    assert not panel[25:35, 75:85].any()


def test_model_input_shows_padding(item):
    padded = draw_model_input(item['inputs'], item['data_samples'], size=128)
    bare = item['data_samples'].clone()
    bare.episode.visible = bare.episode.visible & (torch.arange(16) < 6)
    unpadded = draw_model_input(item['inputs'], bare, size=128)
    assert padded.shape == unpadded.shape == (128 + 18, 3 * 128 + 2 * 4, 3)
    assert (padded != unpadded).any()


def test_to_crop_inverts_the_crop():
    matrix = np.array([[2.0, 0.5, 7.0], [-0.5, 2.0, 3.0]])
    points = np.array([[1.0, 2.0], [30.0, 4.0]])
    np.testing.assert_allclose(to_crop(points @ matrix[:, :2].T + matrix[:, 2], matrix), points)
