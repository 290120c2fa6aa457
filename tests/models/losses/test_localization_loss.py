import math

import pytest
import torch
from mmpose.registry import MODELS

from kpt_plugins.models.layers.gaussian_maps import gaussian_maps
from kpt_plugins.models.losses.localization_loss import localization_loss, peak_centres

B, N, H, W, SIGMA = 2, 3, 6, 8, 1.2


def inputs():
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(B, N, H, W, dtype=torch.float64, generator=generator)
    return maps, torch.rand(B, N, dtype=torch.float64, generator=generator)


def slow_loss(maps, weights):
    total = 0.0
    for b in range(B):
        errors = []
        for n in range(N):
            row, column = divmod(maps[b, n].argmax().item(), W)
            peak = torch.tensor([(column + 0.5) / W, (row + 0.5) / H], dtype=torch.float64)
            target = gaussian_maps(peak, H, W, SIGMA)
            errors.append((maps[b, n] - target).square().sum() / (math.pi * SIGMA**2))
        total += (weights[b] * torch.stack(errors)).sum() / weights[b].sum()
    return (total / B).item()


def test_distance_from_a_gaussian_at_the_peak():
    assert localization_loss(*inputs(), SIGMA).item() == pytest.approx(slow_loss(*inputs()))
    module = MODELS.build(dict(type='LocalizationLoss', loss_weight=0.4))
    assert module(*inputs(), SIGMA).item() == pytest.approx(0.4 * slow_loss(*inputs()))


def test_gradient_reaches_the_maps_alone():
    maps, weights = (value.requires_grad_() for value in inputs())
    assert torch.autograd.gradcheck(
        lambda m: localization_loss(m, weights, SIGMA), [maps], fast_mode=True
    )
    loss = localization_loss(maps, weights, SIGMA)
    assert torch.autograd.grad(loss, weights, allow_unused=True) == (None,)


def test_a_gaussian_costs_nothing_and_two_of_them_do():
    one, other = peak_centres(inputs()[0])[0, :2]
    first, second = gaussian_maps(one, H, W, SIGMA), gaussian_maps(other, H, W, SIGMA)
    weights = torch.ones(1, 1, dtype=torch.float64)
    assert localization_loss(first[None, None], weights, SIGMA) < 1e-9
    both = torch.maximum(first, 0.9 * second)[None, None]
    assert localization_loss(both, weights, SIGMA) > 0.2
