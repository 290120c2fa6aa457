import math

import pytest
import torch
from mmpose.registry import MODELS

from kpt_plugins.models.layers.gaussian_maps import gaussian_maps
from kpt_plugins.models.layers.similarity_proposal import cell_centres

B, N, C, H, W = 2, 12, 8, 16, 20


def build(**kwargs):
    torch.manual_seed(0)
    return MODELS.build(dict(type='KeynessHead', in_channels=C, num_groups=4, **kwargs))


def points(number=N):
    return torch.rand(B, number, 2, generator=torch.Generator().manual_seed(1))


def slow_offset(head, field, place):
    """Section 2.3: softmax over the cells of the disc around a point."""
    x, y = place[0].item() * W, place[1].item() * H
    disc = [
        (row, column)
        for row in range(H)
        for column in range(W)
        if math.hypot(column + 0.5 - x, row + 0.5 - y) <= head.radius
    ]
    if not disc or max(field[cell] for cell in disc) < head.min_keyness:
        return [0.0, 0.0]
    weights = [math.exp(field[cell] / head.temperature) for cell in disc]
    mean_x = sum(w * (c + 0.5) for w, (_, c) in zip(weights, disc, strict=True)) / sum(weights)
    mean_y = sum(w * (r + 0.5) for w, (r, _) in zip(weights, disc, strict=True)) / sum(weights)
    return [(mean_x - x) / W, (mean_y - y) / H]


@pytest.mark.parametrize('radius', [1.0, 2.5, 4.0])
def test_local_offset_leads_to_the_mean_key_place_of_the_disc(radius):
    head = build(radius=radius, min_keyness=0.9)
    maps = torch.rand(B, 1, H, W, generator=torch.Generator().manual_seed(2))
    where = points()
    result = head.local_offset(maps, where)
    expected = [[slow_offset(head, maps[b, 0], p) for p in where[b]] for b in range(B)]
    torch.testing.assert_close(result, torch.tensor(expected), atol=1e-5, rtol=1e-4)
    still = (result == 0).all(dim=-1)
    assert radius > 1 or still.any()  # both sides of the dead zone occur
    assert not still.all()


def test_points_at_and_beyond_the_border():
    head = build(radius=3.0)
    maps = torch.rand(1, 1, H, W)
    where = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [1.05, 0.5], [-3.0, 9.0]]])
    result = head.local_offset(maps, where)
    expected = [slow_offset(head, maps[0, 0], p) for p in where[0]]
    torch.testing.assert_close(result[0], torch.tensor(expected), atol=1e-5, rtol=1e-4)
    assert result[0, 3].tolist() == [0, 0]


def test_offset_finds_a_keypoint_nearby():
    head = build()
    target = torch.tensor([[[0.5, 0.5]]]).expand(B, 1, 2)
    maps = gaussian_maps(target, H, W, 1.5)
    start = target + torch.tensor([0.06, -0.08])
    found = start + head.local_offset(maps, start)
    assert ((found - target) * torch.tensor([W, H])).abs().max() < 0.4


def test_nothing_key_nearby_moves_nothing():
    head = build()
    assert not head.local_offset(torch.full((B, 1, H, W), 0.09), points()).any()
    assert head.local_offset(torch.full((B, 1, H, W), 0.11), points()).any()


def test_offset_reading_is_the_field_at_the_point():
    head = build(mode='offset')
    target = torch.tensor([0.3, 0.6])
    size = torch.tensor([W, H])
    ways = (target - cell_centres(H, W)) * size
    field = ways.T.view(1, 2, H, W).expand(B, -1, -1, -1)
    where = 0.1 + 0.8 * points()
    result = head.local_offset(field, where)
    torch.testing.assert_close(result, target - where, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('mode, channels', [('heatmap', 1), ('offset', 2)])
def test_forward(mode, channels):
    head = build(mode=mode)
    features = torch.randn(B, C, H, W, requires_grad=True)
    maps = head(features)
    assert maps.shape == (B, channels, H, W)
    if mode == 'heatmap':
        assert (maps > 0).all() and maps.mean() < 0.2
    else:
        assert maps.min() < 0
    maps.sum().backward()
    assert features.grad.any() and all(p.grad is not None for p in head.parameters())


@pytest.mark.parametrize(
    'options, message',
    [(dict(mode='both'), "mode is 'both'"), (dict(radius=0), 'radius is 0')],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)
