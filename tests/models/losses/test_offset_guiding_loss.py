import itertools

import pytest
import torch
from mmpose.registry import MODELS

from kpt_plugins.models.losses.offset_guiding_loss import first_at_target, offset_guiding_loss

B, N, RADIUS, SIZE = 3, 5, 4.0, (20, 30)


def inputs():
    generator = torch.Generator().manual_seed(0)
    points, offsets = torch.rand(2, B, 2, N, 2, dtype=torch.float64, generator=generator)
    return points, offsets / 10, torch.rand(B, 2, N, dtype=torch.float64, generator=generator)


def slow_loss(offsets, weights):
    total = 0.0
    for b in range(B):
        for x in (0, 1):
            squares = [
                (offsets[b, x, n, 0] * 30) ** 2 + (offsets[b, x, n, 1] * 20) ** 2 for n in range(N)
            ]
            weighted = sum(w * s for w, s in zip(weights[b, x], squares, strict=True))
            total += weighted / weights[b, x].sum() / RADIUS**2
    return (total / B).item()


def test_equation_3():
    points, offsets, weights = inputs()
    result = offset_guiding_loss(points, offsets, weights, RADIUS, SIZE)
    assert result.item() == pytest.approx(slow_loss(offsets, weights))


def test_gradient_pulls_points_along_their_offset_and_reaches_nothing_else():
    points, offsets, weights = (value.requires_grad_() for value in inputs())
    loss = offset_guiding_loss(points, offsets, weights, RADIUS, SIZE)
    grads = torch.autograd.grad(loss, [points, offsets, weights], allow_unused=True)
    share = (weights / weights.sum(dim=-1, keepdim=True))[..., None].detach()
    cells = torch.tensor([30.0, 20.0], dtype=torch.float64)
    expected = -2 * offsets.detach() * cells**2 * share / RADIUS**2 / B
    torch.testing.assert_close(grads[0], expected)
    assert grads[1:] == (None, None)


def test_prompts_that_see_nothing_do_not_move():
    points, offsets, weights = inputs()
    weights[:, :, 2] = 0
    points.requires_grad_()
    offset_guiding_loss(points, offsets, weights, RADIUS, SIZE).backward()
    assert not points.grad[:, :, 2].any() and points.grad[:, :, 1].all()
    nothing = offset_guiding_loss(points, offsets, 0 * weights, RADIUS, SIZE)
    assert nothing == 0


def test_module():
    points, offsets, weights = inputs()
    module = MODELS.build(dict(type='OffsetGuidingLoss', loss_weight=0.3))
    result = module(points, offsets, weights, RADIUS, SIZE)
    assert result.item() == pytest.approx(0.3 * slow_loss(offsets, weights))
    module = MODELS.build(dict(type='OffsetGuidingLoss', loss_weight=0.3, threshold=0.4))
    gates = (weights > 0.4).double()
    assert gates.sum(dim=-1).min() > 0
    result = module(points, offsets, weights, RADIUS, SIZE)
    assert result.item() == pytest.approx(0.3 * slow_loss(offsets, gates))


def slow_first(points, offsets, weights, separation):
    """Visit the prompts of each image one by one."""
    cells = torch.tensor([30.0, 20.0], dtype=torch.float64)
    first = torch.ones(B, 2, N, dtype=torch.bool)
    for b, x, n, m in itertools.product(range(B), (0, 1), range(N), range(N)):
        ways = [(offsets[b, x, i] * cells).norm() for i in (n, m)]
        own, other = (
            weights[b, x, i] * max(1 - way / RADIUS, 0) for i, way in zip((n, m), ways, strict=True)
        )
        ends = [(points[b, x, i] + offsets[b, x, i]) * cells for i in (n, m)]
        if (ends[0] - ends[1]).norm() < separation and other > own:
            first[b, x, n] = False
    return first


@pytest.mark.parametrize('separation', [2.0, 6.0, 100.0])
def test_first_at_a_target(separation):
    points, offsets, weights = inputs()
    first = first_at_target(points, offsets, weights, separation, RADIUS, SIZE)
    assert torch.equal(first, slow_first(points, offsets, weights, separation))
    if separation == 100:  # all targets are one place
        assert (first.sum(dim=-1) == 1).all()


def test_of_prompts_that_lead_to_one_place_the_nearest_goes_there():
    place = torch.tensor([0.5, 0.5], dtype=torch.float64)
    points = place + torch.tensor([[0.01, 0], [0.03, 0], [0, -0.1], [0.3, 0.3]]).double()
    offsets = place - points
    offsets[3] = -0.01  # another place
    points, offsets = (value.expand(1, 2, 4, 2).clone() for value in (points, offsets))
    points.requires_grad_()
    module = MODELS.build(dict(type='OffsetGuidingLoss', separation=1.5))
    module(points, offsets, torch.ones(1, 2, 4).double(), RADIUS, SIZE).backward()
    moved = points.grad.abs().amax(dim=(0, 1, 3)) > 0
    assert moved.tolist() == [True, False, False, True]
    # One that sees nothing does not keep others away, and those that stay still count.
    weights = torch.tensor([0.0, 1, 1, 1]).double().expand(1, 2, 4)
    loss = module(points, offsets, weights, RADIUS, SIZE)
    alone = torch.tensor([0.0, 1, 0, 1]).double().expand(1, 2, 4)
    expected = offset_guiding_loss(points, offsets, alone, RADIUS, SIZE) * 2 / 3
    torch.testing.assert_close(loss, 0.1 * expected)


def test_chains_and_equal_claims():
    x = torch.tensor([5.0, 7.5, 10, 20, 20]) / SIZE[1]
    points = torch.stack([x, torch.full_like(x, 0.5)], dim=-1).expand(1, 2, 5, 2).double()
    weights = torch.tensor([0.9, 0.8, 0.7, 0.5, 0.5]).double().expand(1, 2, 5)
    first = first_at_target(points, 0 * points, weights, 3.0, RADIUS, SIZE)
    # the third is far from the first, but the second, which stays, has the larger claim
    assert first.tolist() == [[[True, False, False, True, True]] * 2]


@pytest.mark.parametrize('separation', [0, -1.0, float('nan')])
def test_separation_is_positive(separation):
    with pytest.raises(ValueError, match='separation'):
        MODELS.build(dict(type='OffsetGuidingLoss', separation=separation))
