import math

import pytest
import torch
from mmpose.registry import MODELS

from kpt_plugins.models.losses.keyness_loss import (
    keyness_heatmap_loss,
    keyness_offset_loss,
    keyness_target,
)

B, K, H, W, SIGMA, REACH = 3, 4, 7, 9, 1.1, 2.5


def labels(seed=0):
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(B, 2, K, 2, dtype=torch.float64, generator=generator)
    visible = torch.rand(B, 2, K, generator=generator) < 0.6
    visible[2, 1] = False
    return points, visible


def maps(channels):
    generator = torch.Generator().manual_seed(5)
    return torch.rand(B, 2, channels, H, W, dtype=torch.float64, generator=generator)


def cells():
    return [(row, column) for row in range(H) for column in range(W)]


def test_target_is_the_largest_gaussian():
    points, visible = labels()
    target = keyness_target(points, visible, H, W, SIGMA)
    for b in range(B):
        for x in (0, 1):
            for row, column in cells():
                values = [0.0]
                for k in range(K):
                    if visible[b, x, k]:
                        px, py = points[b, x, k].tolist()
                        squared = (column + 0.5 - px * W) ** 2 + (row + 0.5 - py * H) ** 2
                        values.append(math.exp(-squared / 2 / SIGMA**2))
                assert target[b, x, row, column].item() == pytest.approx(max(values))


def test_heatmap_loss_is_equation_2():
    points, visible = labels()
    target = keyness_target(points, visible, H, W, SIGMA)
    expected = 0.0
    for b in range(B):
        for x in (0, 1):
            if visible[b, x].any():
                error = (maps(1)[b, x, 0] - target[b, x]).square().sum() / (math.pi * SIGMA**2)
                expected += error.item() / visible[b, x].sum().item()
    result = keyness_heatmap_loss(maps(1), points, visible, SIGMA)
    assert result.item() == pytest.approx(expected / B)


def slow_offset_loss(fields, points, visible):
    total = 0.0
    for b in range(B):
        for x in (0, 1):
            errors = []
            for row, column in cells():
                ways = [
                    (points[b, x, k, 0] * W - column - 0.5, points[b, x, k, 1] * H - row - 0.5)
                    for k in range(K)
                    if visible[b, x, k]
                ]
                if ways:
                    nearest = min(ways, key=lambda way: math.hypot(*way))
                    if math.hypot(*nearest) <= REACH:
                        dx, dy = (fields[b, x, :, row, column] - torch.stack(nearest)).tolist()
                        errors.append((dx**2 + dy**2) / REACH**2)
            total += sum(errors) / max(len(errors), 1)
    return total / B


def test_offset_loss_one_cell_after_the_other():
    points, visible = labels()
    result = keyness_offset_loss(maps(2), points, visible, REACH)
    assert result.item() == pytest.approx(slow_offset_loss(maps(2), points, visible))


def test_zero_offsets_cost_a_half_an_image():
    points = torch.full((1, 2, 1, 2), 0.5)
    visible = torch.ones(1, 2, 1, dtype=torch.bool)
    loss = keyness_offset_loss(torch.zeros(1, 2, 2, 64, 64), points, visible, 10.0)
    assert loss.item() == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize('channels', [1, 2])
def test_module_takes_the_reading_from_the_channels(channels):
    points, visible = labels()
    module = MODELS.build(dict(type='KeynessLoss', loss_weight=0.5, reach=REACH))
    result = module(maps(channels), points, visible, SIGMA)
    if channels == 1:
        expected = keyness_heatmap_loss(maps(1), points, visible, SIGMA)
    else:
        expected = keyness_offset_loss(maps(2), points, visible, REACH)
    torch.testing.assert_close(result, 0.5 * expected)


@pytest.mark.parametrize('channels', [1, 2])
def test_gradient(channels):
    points, visible = labels()
    module = MODELS.build(dict(type='KeynessLoss', reach=REACH))
    values = maps(channels).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda m: module(m, points, visible, SIGMA), [values], fast_mode=True
    )
    grad = torch.autograd.grad(module(values, points, visible, SIGMA), values)[0]
    assert not grad[2, 1].any()  # shows nothing
    assert grad[0, 0].any()


@pytest.mark.parametrize('channels', [1, 2])
@pytest.mark.parametrize('pairs, keypoints', [(2, 0), (0, 3), (2, 3)])
def test_nothing_visible(channels, pairs, keypoints):
    values = torch.rand(pairs, 2, channels, H, W, requires_grad=True)
    points = torch.rand(pairs, 2, keypoints, 2)
    visible = torch.zeros(pairs, 2, keypoints, dtype=torch.bool)
    loss = MODELS.build(dict(type='KeynessLoss'))(values, points, visible, SIGMA)
    loss.backward()
    assert loss == 0 and not values.grad.any()
