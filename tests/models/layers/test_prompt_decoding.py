import pytest
import torch

from kpt_plugins.models.layers.gaussian_maps import gaussian_maps
from kpt_plugins.models.layers.prompt_decoding import decode_prompts
from kpt_plugins.models.layers.similarity_proposal import local_soft_argmax


@pytest.mark.parametrize('sigma, size', [(1.0, 24), (1.5, 24), (2.0, 64), (4.0, 128)])
def test_round_trip_below_a_tenth_of_a_cell(sigma, size):
    generator = torch.Generator().manual_seed(0)
    points = 0.2 + 0.6 * torch.rand(4, 50, 2, generator=generator)
    heatmaps = 0.8 * gaussian_maps(points, size, size, sigma)
    result = decode_prompts(heatmaps, sigma)
    assert ((result.points - points) * size).abs().max() < 0.1
    assert (result.visibility <= 0.8).all() and (result.visibility > 0.8 * 0.75).all()


def test_local_is_the_soft_argmax_of_the_whole_map_cut_off():
    heatmaps = torch.rand(2, 3, 6, 9, generator=torch.Generator().manual_seed(1))
    result = decode_prompts(heatmaps, 0.8).points
    torch.testing.assert_close(result, local_soft_argmax(heatmaps.flatten(2), 6, 9, 2))


def test_visibility_is_the_peak():
    heatmaps = torch.rand(2, 3, 6, 9)
    expected = [[heatmaps[b, n].max().item() for n in range(3)] for b in range(2)]
    assert decode_prompts(heatmaps, 1.0).visibility.tolist() == expected
    assert decode_prompts(heatmaps, 1.0, 'global').visibility.tolist() == expected


def test_global_is_the_mean_place_under_a_softmax():
    heatmaps = torch.rand(1, 2, 4, 5, dtype=torch.float64)
    result = decode_prompts(heatmaps, 1.0, 'global', temperature=0.1).points
    for n in range(2):
        weights = (heatmaps[0, n] / 0.1).exp()
        x = sum(weights[:, c].sum() * (c + 0.5) / 5 for c in range(5)) / weights.sum()
        y = sum(weights[r].sum() * (r + 0.5) / 4 for r in range(4)) / weights.sum()
        torch.testing.assert_close(result[0, n], torch.stack([x, y]))


@pytest.mark.parametrize('mode', ['local', 'global'])
def test_points_and_visibility_teach_the_heatmaps(mode):
    heatmaps = torch.rand(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda h: tuple(decode_prompts(h, 1.0, mode)), [heatmaps])


def test_empty_maps_have_a_point():
    heatmaps = torch.zeros(1, 1, 8, 8, requires_grad=True)
    points = decode_prompts(heatmaps, 2.0).points
    points.sum().backward()
    assert points.isfinite().all() and heatmaps.grad.isfinite().all()


def test_unknown_mode():
    with pytest.raises(ValueError, match="softargmax is 'mean'; expected one of"):
        decode_prompts(torch.rand(1, 1, 4, 4), 1.0, 'mean')
