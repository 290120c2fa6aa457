import math

import pytest
import torch
from torch import nn

from kpt_plugins.models.layers.similarity_proposal import (
    SimilarityProposal,
    cell_centres,
    local_soft_argmax,
)


def test_cell_centres():
    expected = [((x + 0.5) / 3, (y + 0.5) / 2) for y in range(2) for x in range(3)]
    torch.testing.assert_close(cell_centres(2, 3), torch.tensor(expected))


@pytest.mark.parametrize('radius', [0, 1, 9])
def test_local_soft_argmax_is_the_mean_cell_centre_around_the_peak(radius):
    height, width = 4, 5
    generator = torch.Generator().manual_seed(radius)
    probabilities = torch.rand(2, 3, 20, dtype=torch.float64, generator=generator).softmax(dim=-1)
    result = local_soft_argmax(probabilities, height, width, radius)
    for b in range(2):
        for k in range(3):
            grid = probabilities[b, k].view(height, width)
            row, column = divmod(int(grid.argmax()), width)
            total, mean = 0.0, torch.zeros(2, dtype=torch.float64)
            for y in range(max(0, row - radius), min(height, row + radius + 1)):
                for x in range(max(0, column - radius), min(width, column + radius + 1)):
                    total += grid[y, x]
                    mean += grid[y, x] * torch.tensor([(x + 0.5) / width, (y + 0.5) / height])
            torch.testing.assert_close(result[b, k], mean / total)


def test_a_second_mode_does_not_move_the_location():
    probabilities = torch.zeros(1, 1, 10 * 10)
    probabilities[..., 12], probabilities[..., 88] = 0.6, 0.4
    assert local_soft_argmax(probabilities, 10, 10, 2)[0, 0].tolist() == pytest.approx([0.25, 0.15])


def test_local_soft_argmax_is_exact_under_mixed_precision():
    probabilities = torch.zeros(1, 1, 32 * 32)
    probabilities[..., 32 * 9 + 20] = 1
    with torch.autocast('cpu', dtype=torch.bfloat16):
        result = local_soft_argmax(probabilities, 32, 32, 2)
    assert result.tolist() == [[[20.5 / 32, 9.5 / 32]]]


def proposal(temperature=0.1):
    """With identity projections."""
    module = SimilarityProposal(4, temperature)
    for layer in (module.keypoint_projection, module.map_projection):
        layer.weight.data = torch.eye(4).view_as(layer.weight)
    return module


def test_log_probabilities_of_cosines():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 4, generator=generator)
    feature_map = torch.randn(2, 4, 2, 5, generator=generator)
    result = proposal(0.2)(features, feature_map)
    assert result.shape == (2, 3, 10)
    torch.testing.assert_close(result.exp().sum(dim=-1), torch.ones(2, 3))
    for b in range(2):
        for k in range(3):
            cosines = [
                torch.cosine_similarity(features[b, k], feature_map[b, :, y, x], dim=0)
                for y in range(2)
                for x in range(5)
            ]
            expected = (torch.stack(cosines) / 0.2).log_softmax(dim=0)
            torch.testing.assert_close(result[b, k], expected)


def test_finds_the_cell_that_is_the_keypoint():
    feature_map = torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    features = feature_map[:, :, 4, 1][:, None]
    probabilities = proposal(0.01)(features, feature_map).exp()
    point = local_soft_argmax(probabilities, 6, 6, 2)[0, 0]
    torch.testing.assert_close(point, torch.tensor([1.5 / 6, 4.5 / 6]), atol=0.02, rtol=0)


def test_temperature_is_the_initial_one():
    assert proposal(0.05).log_scale.item() == pytest.approx(math.log(20))
    assert isinstance(proposal().log_scale, nn.Parameter)


def test_features_of_nothing_are_no_nan():
    """A keypoint that no support shows has the zero vector."""
    features = torch.zeros(1, 1, 4, requires_grad=True)
    feature_map = torch.randn(1, 4, 3, 3)
    module = proposal()
    module(features, feature_map).square().sum().backward()
    assert features.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in module.parameters())
