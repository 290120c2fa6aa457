import math

import pytest
import torch
from mmpose.registry import MODELS

from kpt_plugins.models.layers.gaussian_maps import gaussian_maps
from kpt_plugins.models.losses.prompt_heatmap_loss import prompt_heatmap_loss

B, N, K, H, W, SIGMA = 3, 6, 4, 7, 8, 1.2


def inputs(**changes):
    generator = torch.Generator().manual_seed(0)
    values = dict(
        heatmaps=torch.rand(B, 2, N, H, W, dtype=torch.float64, generator=generator),
        points=torch.rand(B, 2, K, 2, dtype=torch.float64, generator=generator),
        visible=torch.rand(B, 2, K, generator=generator) < 0.6,
        assignment=torch.stack([torch.randperm(N, generator=generator)[:K] for _ in range(B)]),
        sigma=SIGMA,
    )
    values['assignment'][~values['visible'].any(dim=1)] = -1
    return {**values, **changes}


def slow_loss(heatmaps, points, visible, assignment, sigma, unmatched_weight=0.0):
    """Equation 1, one keypoint after the other."""
    energy, total = math.pi * sigma**2, 0.0
    for b in range(B):
        for x in (0, 1):
            number = visible[b, x].sum().item()
            if not number:
                continue
            for k in range(K):
                if visible[b, x, k]:
                    target = gaussian_maps(points[b, x, k], H, W, sigma)
                    difference = heatmaps[b, x, assignment[b, k]] - target
                    total += difference.square().sum().item() / energy / number
            for n in set(range(N)) - set(assignment[b].tolist()):
                own = heatmaps[b, x, n].square().sum().item() / energy
                total += unmatched_weight * own / number
    return total / B


@pytest.mark.parametrize('weight', [0.0, 0.05])
def test_equation_1(weight):
    result = prompt_heatmap_loss(**inputs(), unmatched_weight=weight)
    assert result.item() == pytest.approx(slow_loss(**inputs(), unmatched_weight=weight))


def test_an_image_without_keypoints_counts_nothing():
    visible = inputs()['visible'].clone()
    visible[0] = False
    visible[1, 1] = False
    for weight in (0.0, 0.05):
        result = prompt_heatmap_loss(**inputs(visible=visible), unmatched_weight=weight)
        assert result.item() == pytest.approx(
            slow_loss(**inputs(visible=visible), unmatched_weight=weight)
        )


def test_zero_costs_one_a_keypoint_of_each_image_and_the_target_nothing():
    points = torch.full((1, 2, 1, 2), 0.5)
    values = dict(
        points=points,
        visible=torch.ones(1, 2, 1, dtype=torch.bool),
        assignment=torch.zeros(1, 1, dtype=torch.int64),
        sigma=2.0,
    )
    zero, target = torch.zeros(1, 2, 1, 64, 64), gaussian_maps(points, 64, 64, 2.0)
    assert prompt_heatmap_loss(zero, **values).item() == pytest.approx(2, rel=1e-4)
    assert prompt_heatmap_loss(target, **values).item() == pytest.approx(0, abs=1e-6)


def test_order_of_prompts_does_not_matter():
    values = inputs()
    order = torch.randperm(N)
    place = order.argsort()
    assignment = torch.where(values['assignment'] < 0, -1, place[values['assignment']])
    permuted = inputs(heatmaps=values['heatmaps'][:, :, order], assignment=assignment)
    for weight in (0.0, 0.1):
        torch.testing.assert_close(
            prompt_heatmap_loss(**values, unmatched_weight=weight),
            prompt_heatmap_loss(**permuted, unmatched_weight=weight),
        )


def test_invisible_and_unassigned_keypoints_do_not_matter():
    values = inputs()
    points = values['points'].clone()
    points[~values['visible']] = 77.0
    torch.testing.assert_close(
        prompt_heatmap_loss(**inputs(points=points)), prompt_heatmap_loss(**values)
    )


@pytest.mark.parametrize('weight', [0.0, 0.1])
def test_gradient(weight):
    values = inputs()
    heatmaps = values.pop('heatmaps').requires_grad_()
    loss = lambda h: prompt_heatmap_loss(h, **values, unmatched_weight=weight)  # noqa: E731
    assert torch.autograd.gradcheck(loss, [heatmaps], fast_mode=True)
    grad = torch.autograd.grad(loss(heatmaps), heatmaps)[0].flatten(3).any(dim=-1)
    for b in range(B):
        for x in (0, 1):
            shown = {
                values['assignment'][b, k].item() for k in range(K) if values['visible'][b, x, k]
            }
            free = (
                set(range(N)) - set(values['assignment'][b].tolist()) if weight and shown else set()
            )
            assert set(torch.nonzero(grad[b, x])[:, 0].tolist()) == shown | free


def test_module():
    module = MODELS.build(dict(type='PromptHeatmapLoss', loss_weight=3.0, unmatched_weight=0.02))
    expected = 3 * slow_loss(**inputs(), unmatched_weight=0.02)
    assert module(**inputs()).item() == pytest.approx(expected)


def test_no_pairs():
    heatmaps = torch.rand(0, 2, N, H, W, requires_grad=True)
    nothing = torch.zeros(0, 2, K)
    loss = prompt_heatmap_loss(
        heatmaps,
        nothing[..., None].expand(-1, -1, -1, 2),
        nothing.bool(),
        nothing[:, 0].long(),
        1.0,
    )
    assert loss == 0
    loss.backward()
