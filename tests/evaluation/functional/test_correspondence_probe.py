import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kpt_plugins.evaluation.functional import draw_image_pairs, transfer_points
from kpt_plugins.evaluation.functional.correspondence_probe import sample_bilinear


def test_pairs():
    pairs = draw_image_pairs(30, 50, seed=1)
    assert pairs.shape == (50, 2) and (pairs[:, 0] != pairs[:, 1]).all()
    assert len({tuple(p) for p in pairs.tolist()}) == 50
    np.testing.assert_array_equal(pairs, draw_image_pairs(30, 50, seed=1))
    assert (pairs != draw_image_pairs(30, 50, seed=2)).any()
    assert draw_image_pairs(3, 200, 0).tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    assert draw_image_pairs(1, 200, 0).shape == (0, 2)


def test_sampling_equals_torch():
    rng = np.random.default_rng(0)
    maps, points = rng.normal(size=(4, 5, 7)), rng.uniform(-0.1, 1.1, (20, 2))
    grid = torch.from_numpy(2 * points - 1)[None, :, None]
    expected = F.grid_sample(
        torch.from_numpy(maps)[None], grid, align_corners=False, padding_mode='border'
    )
    np.testing.assert_allclose(sample_bilinear(maps, points), expected[0, :, :, 0].T, atol=1e-9)


@pytest.mark.parametrize('shift', [(0, 0), (2, 1)])
def test_shifted_descriptors_lead_to_shifted_points(shift):
    rng = np.random.default_rng(0)
    source = rng.normal(size=(16, 9, 11))
    source /= np.linalg.norm(source, axis=0)
    target = np.roll(source, shift, axis=(1, 2))
    cells = np.array([[3, 2], [5, 6]])  # column, row
    points = (cells + 0.5) / (11, 9)
    expected = (cells + shift[::-1] + 0.5) / (11, 9)
    np.testing.assert_allclose(transfer_points(points, source, target), expected)
