import torch

from kpt_plugins.models.layers.point_sampling import sample_features
from tests.models.layers.test_deformable_sampling import sample


def test_equals_a_loop():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    points = torch.rand(2, 30, 2, generator=generator, dtype=torch.float64) * 1.4 - 0.2
    result = sample_features(features, points)
    assert result.shape == (2, 30, 3)
    for b in range(2):
        for k in range(30):
            torch.testing.assert_close(result[b, k], sample(features[b], *points[b, k].tolist()))


def test_cell_centres_give_the_cells():
    features = torch.arange(6.0).view(1, 1, 2, 3)
    points = torch.tensor([[[(x + 0.5) / 3, (y + 0.5) / 2] for y in range(2) for x in range(3)]])
    torch.testing.assert_close(sample_features(features, points)[0, :, 0], torch.arange(6.0))


def test_keeps_the_precision_of_the_points():
    features = torch.linspace(0, 1, 32).expand(1, 1, 32, 32).bfloat16()
    points = torch.tensor([[[0.501, 0.5], [0.502, 0.5]]])
    low, high = sample_features(features, points)[0, :, 0]
    assert low.dtype == torch.float32 and high > low
