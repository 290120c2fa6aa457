import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS

from kpt_plugins.models.layers.gaussian_maps import gaussian_maps
from kpt_plugins.models.layers.random_affine import random_affine
from kpt_plugins.models.losses.equivariance_loss import equivariance_loss, weighted_mean

B, N, H, W = 3, 4, 8, 10


def inputs():
    torch.manual_seed(0)
    maps, moved = torch.rand(2, B, N, H, W, dtype=torch.float64)
    matrices = random_affine(B, 15, 0.25, 1.2, (H, W)).double()
    return maps, moved, matrices, torch.rand(B, N, dtype=torch.float64)


def slow_loss(maps, moved, matrices, weights):
    total = 0.0
    for b in range(B):
        one, other = [], []
        for row in range(H):
            for column in range(W):
                place = torch.tensor([2 * (column + 0.5) / W - 1, 2 * (row + 0.5) / H - 1, 1])
                source = matrices[b] @ place.double()
                if source.abs().max() <= 1:
                    values = F.grid_sample(
                        maps[b : b + 1], source.view(1, 1, 1, 2), align_corners=False
                    )
                    one.append(values.flatten())
                    other.append(moved[b, :, row, column])
        one, other = torch.stack(one), torch.stack(other)
        cosine = (one * other).sum(0) / (one.norm(dim=0) * other.norm(dim=0))
        total += (weights[b] * (2 - 2 * cosine)).sum() / weights[b].sum()
    return (total / B).item()


def test_cell_by_cell():
    assert equivariance_loss(*inputs()).item() == pytest.approx(slow_loss(*inputs()))


def test_both_maps_learn_and_the_weights_do_not():
    maps, moved, matrices, weights = inputs()
    loss = lambda a, b: equivariance_loss(a, b, matrices, weights)  # noqa: E731
    leaves = [maps.requires_grad_(), moved.requires_grad_()]
    assert torch.autograd.gradcheck(loss, leaves, fast_mode=True)
    weights.requires_grad_()
    assert torch.autograd.grad(loss(*leaves), weights, allow_unused=True) == (None,)


def test_an_equivariant_map_costs_nothing():
    """The map of an image is the image, blurred blobs: whatever moves it, moves the map."""
    torch.manual_seed(0)
    module = MODELS.build(dict(type='EquivarianceLoss', rotation=15, translation=0.2, zoom=1.2))
    images = gaussian_maps(0.3 + 0.4 * torch.rand(4, 3, 2), 64, 64, 3.0)
    moved, matrices = module.move(images)
    weights = torch.ones(4, 3)
    assert module(images, moved, matrices, weights) < 1e-10
    assert module(images, images, matrices, weights) > 0.1


def test_fainter_maps_cost_the_same():
    maps, moved, matrices, weights = inputs()
    expected = equivariance_loss(maps, moved, matrices, weights)
    torch.testing.assert_close(
        equivariance_loss(0.1 * maps, 0.3 * moved, matrices, weights), expected
    )
    zeros = torch.zeros_like(maps)
    assert equivariance_loss(zeros, zeros, matrices, weights) == 0


def test_move_is_random_and_within_limits():
    module = MODELS.build(dict(type='EquivarianceLoss', rotation=0, translation=0, zoom=1))
    images = torch.rand(2, 3, 8, 8)
    moved, matrices = module.move(images)
    torch.testing.assert_close(moved, images)
    assert matrices.tolist() == [[[1, 0, 0], [0, 1, 0]]] * 2
    module = MODELS.build(dict(type='EquivarianceLoss'))
    first, second = module.move(images)[1]
    assert not torch.allclose(first, second)


def test_weighted_mean():
    values, weights = torch.rand(3, 4), torch.rand(3, 4)
    expected = sum((values[b] * weights[b]).sum() / weights[b].sum() for b in range(3)) / 3
    torch.testing.assert_close(weighted_mean(values, weights), expected)
    assert weighted_mean(values, 0 * weights) == 0
    assert weighted_mean(values[:0], weights[:0]) == 0


@pytest.mark.parametrize('change', [dict(rotation=-1), dict(translation=1.0), dict(zoom=0.9)])
def test_movements_out_of_range(change):
    ((name, value),) = change.items()
    with pytest.raises(ValueError, match=f'{name}={value}'):
        MODELS.build(dict(type='EquivarianceLoss', **change))
