import math

import pytest
import torch
import torch.nn.functional as F

from kpt_plugins.models.layers.gaussian_maps import (
    gaussian_energy,
    gaussian_error,
    gaussian_maps,
    map_error,
)

H, W, SIGMA = 9, 13, 1.3


def points(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, 2, dtype=torch.float64, generator=generator)


def test_maps_cell_by_cell():
    where = points(2, 3)
    maps = gaussian_maps(where, H, W, SIGMA)
    assert maps.shape == (2, 3, H, W)
    for b in range(2):
        for k in range(3):
            x, y = where[b, k].tolist()
            for row in range(H):
                for column in range(W):
                    squared = (column + 0.5 - x * W) ** 2 + (row + 0.5 - y * H) ** 2
                    expected = math.exp(-squared / (2 * SIGMA**2))
                    assert maps[b, k, row, column].item() == pytest.approx(expected)


def test_is_largest_at_its_own_point():
    """The convention is that of ``grid_sample`` with ``align_corners=False``."""
    centre = torch.tensor([[0.4, 0.6]], dtype=torch.float64)
    maps = gaussian_maps(centre, 40, 40, 3.0)[None]

    def at(place):
        return F.grid_sample(maps, (2 * place - 1)[None, None, None], align_corners=False).item()

    for step in [(0.02, 0), (-0.02, 0), (0, 0.02), (0, -0.02)]:
        assert at(centre[0] + torch.tensor(step, dtype=torch.float64)) < at(centre[0])
    shift = 0.5 / 40  # another convention would be off by half a cell
    assert at(centre[0] + shift) == pytest.approx(at(centre[0] - shift), abs=1e-3)


def test_energy_is_the_sum_of_squares():
    maps = gaussian_maps(torch.tensor([0.5, 0.5], dtype=torch.float64), 64, 64, 2.0)
    assert maps.square().sum().item() == pytest.approx(gaussian_energy(2.0), rel=1e-6)
    assert map_error(torch.zeros(64, 64), maps, 2.0).item() == pytest.approx(1, rel=1e-6)


def test_error_with_and_without_a_mask():
    generator = torch.Generator().manual_seed(1)
    a, b = torch.rand(2, 2, 3, H, W, dtype=torch.float64, generator=generator)
    mask = torch.rand(2, 1, H, W, generator=generator) < 0.5
    for n in range(2):
        for k in range(3):
            whole = sum((a[n, k].flatten() - b[n, k].flatten()) ** 2) / (math.pi * SIGMA**2)
            part = ((a[n, k] - b[n, k]) ** 2)[mask[n, 0]].sum() / (math.pi * SIGMA**2)
            torch.testing.assert_close(map_error(a, b, SIGMA)[n, k], whole)
            torch.testing.assert_close(map_error(a, b, SIGMA, mask)[n, k], part)


def test_error_against_gaussians_that_are_not_drawn():
    maps = torch.rand(2, 3, H, W, dtype=torch.float64, requires_grad=True)
    where = points(2, 3).requires_grad_()
    result = gaussian_error(maps, where, SIGMA)
    expected = map_error(maps, gaussian_maps(where.detach(), H, W, SIGMA), SIGMA)
    torch.testing.assert_close(result, expected)
    grads = [torch.autograd.grad(e.sum(), maps, retain_graph=True)[0] for e in (result, expected)]
    torch.testing.assert_close(*grads)
    assert torch.autograd.grad(result.sum(), where, allow_unused=True) == (None,)


def test_error_in_single_precision_at_large_maps():
    where = points(1, 5).float()
    maps = gaussian_maps(where, 128, 128, 4.0)
    assert gaussian_error(maps, where, 4.0).abs().max() < 1e-5
