import math

import pytest
import torch
from mmpose.registry import MODELS

from kpt_plugins.models.losses.keypoint_cross_entropy_loss import (
    KeypointCrossEntropyLoss,
    gaussian_target,
)

HEIGHT, WIDTH = 4, 6


def slow_target(x, y, sigma):
    """Normalised Gaussian over the cells around a point in fractions of the map."""
    cells = [
        math.exp(
            -((row + 0.5 - y * HEIGHT) ** 2 + (column + 0.5 - x * WIDTH) ** 2) / (2 * sigma**2)
        )
        for row in range(HEIGHT)
        for column in range(WIDTH)
    ]
    return [cell / sum(cells) for cell in cells]


def slow_loss(log_probabilities, points, visible, sigma):
    total = 0.0
    for b in range(len(points)):
        entropy, count = 0.0, 0
        for k, (x, y) in enumerate(points[b].tolist()):
            if visible[b, k] and 0 <= x <= 1 and 0 <= y <= 1:
                target = slow_target(x, y, sigma)
                entropy -= sum(
                    t * p for t, p in zip(target, log_probabilities[b, k].tolist(), strict=True)
                )
                count += 1
        total += entropy / max(count, 1) / len(points)
    return total


def random_inputs():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(3, 5, HEIGHT * WIDTH, generator=generator, dtype=torch.float64)
    points = torch.rand(3, 5, 2, generator=generator, dtype=torch.float64) * 1.4 - 0.2
    visible = torch.rand(3, 5, generator=generator) < 0.7
    visible[2] = False
    return scores.log_softmax(dim=-1), points, visible


@pytest.mark.parametrize('sigma', [0.5, 2.0])
def test_target(sigma):
    points = torch.tensor([[[0.3, 0.8], [0.0, 0.5]]], dtype=torch.float64)
    result = gaussian_target(points, HEIGHT, WIDTH, sigma)
    assert result.shape == (1, 2, HEIGHT * WIDTH)
    for k, (x, y) in enumerate(points[0].tolist()):
        assert result[0, k].tolist() == pytest.approx(slow_target(x, y, sigma), abs=1e-6)


@pytest.mark.parametrize('weight', [1.0, 0.3])
def test_equals_a_loop(weight):
    inputs = random_inputs()
    loss = MODELS.build(dict(type='KeypointCrossEntropyLoss', sigma=0.8, loss_weight=weight))
    assert isinstance(loss, KeypointCrossEntropyLoss)
    result = loss(*inputs, (HEIGHT, WIDTH))
    assert result.item() == pytest.approx(weight * slow_loss(*inputs, 0.8), rel=1e-5)


def test_gradcheck():
    log_probabilities, points, visible = random_inputs()
    loss = KeypointCrossEntropyLoss()

    def function(log_probabilities):
        return loss(log_probabilities, points, visible, (HEIGHT, WIDTH))

    assert torch.autograd.gradcheck(function, log_probabilities.requires_grad_())


def test_least_at_the_target():
    points, visible = torch.tensor([[[0.4, 0.6]]]), torch.ones(1, 1)
    loss = KeypointCrossEntropyLoss(sigma=1.0)
    best = loss(gaussian_target(points, HEIGHT, WIDTH, 1.0).log(), points, visible, (HEIGHT, WIDTH))
    for shift in (-0.2, 0.2):
        other = gaussian_target(points + shift, HEIGHT, WIDTH, 1.0).log()
        assert loss(other, points, visible, (HEIGHT, WIDTH)) > best


def test_nothing_visible_is_zero():
    log_probabilities, points, _ = random_inputs()
    result = KeypointCrossEntropyLoss()(
        log_probabilities, points, torch.zeros(3, 5), (HEIGHT, WIDTH)
    )
    assert result.item() == 0
