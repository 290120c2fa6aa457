import math

import pytest
import torch
from mmpose.registry import MODELS

from kpt_plugins.models.layers.gaussian_maps import gaussian_maps
from kpt_plugins.models.losses.correspondence_consistency_loss import (
    correspondence_consistency_loss,
)

B, N, H, W, SIGMA = 2, 4, 7, 6, 1.2


def inputs():
    generator = torch.Generator().manual_seed(0)
    heatmaps = torch.rand(B, 2, N, H, W, dtype=torch.float64, generator=generator)
    transferred = torch.rand(B, 2, N, 2, dtype=torch.float64, generator=generator)
    return heatmaps, transferred, torch.rand(B, 2, N, dtype=torch.float64, generator=generator)


def slow_loss(heatmaps, transferred, weights):
    total = 0.0
    for b in range(B):
        for x in (0, 1):
            for n in range(N):
                target = gaussian_maps(transferred[b, x, n], H, W, SIGMA)
                error = (heatmaps[b, x, n] - target).square().sum() / (math.pi * SIGMA**2)
                total += (weights[b, x, n] * error / N).item()
    return total / B


def test_equation_4():
    result = correspondence_consistency_loss(*inputs(), SIGMA)
    assert result.item() == pytest.approx(slow_loss(*inputs()))


def test_teaches_the_heatmaps_alone():
    heatmaps, transferred, weights = (value.requires_grad_() for value in inputs())
    loss = lambda h: correspondence_consistency_loss(h, transferred, weights, SIGMA)  # noqa: E731
    assert torch.autograd.gradcheck(loss, [heatmaps], fast_mode=True)
    rest = [transferred, weights]
    assert torch.autograd.grad(loss(heatmaps), rest, allow_unused=True) == (None, None)


def test_what_the_other_image_does_not_show_teaches_nothing():
    heatmaps, transferred, weights = inputs()
    weights[0, 1, 2] = 0
    heatmaps.requires_grad_()
    correspondence_consistency_loss(heatmaps, transferred, weights, SIGMA).backward()
    assert not heatmaps.grad[0, 1, 2].any()
    assert heatmaps.grad.flatten(3).any(dim=-1).sum() == 2 * B * N - 1


@pytest.mark.parametrize('limits', [{}, dict(min_cosine=0.4), dict(max_cycle=3.0)])
def test_module_counts_trusted_matches(limits):
    heatmaps, transferred, weights = inputs()
    generator = torch.Generator().manual_seed(1)
    cosine = torch.rand(B, 2, N, generator=generator)
    cycle = 6 * torch.rand(B, 2, N, generator=generator)
    trusted = torch.ones(B, 2, N)
    if 'min_cosine' in limits:
        trusted = (cosine >= 0.4).double()
    if 'max_cycle' in limits:
        trusted = (cycle <= 3).double()
    module = MODELS.build(dict(type='CorrespondenceConsistencyLoss', loss_weight=0.7, **limits))
    result = module(heatmaps, transferred, weights, cosine, SIGMA, cycle)
    expected = slow_loss(heatmaps, transferred, weights * trusted)
    assert result.item() == pytest.approx(0.7 * expected)
    assert not limits or 0 < trusted.sum() < trusted.numel()
