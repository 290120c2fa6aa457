"""Distillation losses against loops over keypoints and cells."""

import math

import numpy as np
import pytest
import torch
from mmpose.models.losses import KeypointMSELoss
from mmpose.registry import MODELS

from kpt_plugins.models.losses import (
    ChannelDistillationLoss,
    HeatmapL2DistillationLoss,
    SpatialDistillationLoss,
)

B, K, H, W = 3, 4, 5, 6
ALL = [
    dict(type='SpatialDistillationLoss', mode=mode, reduction=reduction)
    for mode in SpatialDistillationLoss.MODES
    for reduction in SpatialDistillationLoss.REDUCTIONS
] + [dict(type='ChannelDistillationLoss'), dict(type='HeatmapL2DistillationLoss')]
NAMES = ['_'.join(list(config.values())) for config in ALL]


def random_heatmaps(seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    student = torch.randn(B, K, H, W, generator=generator, dtype=torch.float64)
    teacher = torch.randn(B, K, H, W, generator=generator, dtype=torch.float64)
    weights = torch.tensor([[1.0, 0.0, 1.0, 1.0], [0.0] * 4, [1.0, 1.0, 1.0, 0.0]])
    return student.to(dtype), teacher.to(dtype), weights.to(dtype)


def softmax(values):
    exponentials = np.exp(values - np.max(values))
    return exponentials / exponentials.sum()


def cross_entropy(student, teacher):
    p, q = softmax(teacher), softmax(student)
    return -sum(p[i] * math.log(q[i]) for i in range(len(p)))


def slow_spatial(student, teacher, weights, mode, temperature, reduction):
    total = 0.0
    for b in range(len(student)):
        for k in range(student.shape[1]):
            y, t = student[b, k] / temperature, teacher[b, k] / temperature
            if mode == 'hw':
                groups = [[cross_entropy(y.ravel(), t.ravel())]]
            else:
                rows = [cross_entropy(y[i], t[i]) for i in range(len(y))]
                columns = [cross_entropy(y[:, j], t[:, j]) for j in range(y.shape[1])]
                groups = [rows, columns]
            if reduction == 'distribution_mean':
                value = sum(sum(group) / len(group) for group in groups)
            else:
                value = sum(map(sum, groups))
            if reduction == 'element_mean':
                value /= y.size
            total += weights[b, k] * value
    return total / weights.size


def slow_channel(student, teacher, weights, temperature):
    total, cells = 0.0, 0
    for b in range(len(student)):
        kept = np.flatnonzero(weights[b])
        for i in range(student.shape[2]):
            for j in range(student.shape[3]):
                cells += 1
                if len(kept):
                    total += cross_entropy(
                        student[b, kept, i, j] / temperature, teacher[b, kept, i, j] / temperature
                    )
    return total / cells


def slow_l2(student, teacher, weights):
    total = 0.0
    for b in range(len(student)):
        for k in range(student.shape[1]):
            total += weights[b, k] * ((student[b, k] - teacher[b, k]) ** 2).sum()
    return total / student.size


@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('temperature', [0.5, 1.0])
@pytest.mark.parametrize('reduction', SpatialDistillationLoss.REDUCTIONS)
@pytest.mark.parametrize('mode', SpatialDistillationLoss.MODES)
def test_spatial_equals_a_loop(mode, reduction, temperature, weighted):
    student, teacher, weights = random_heatmaps()
    loss = SpatialDistillationLoss(mode, temperature, reduction, loss_weight=0.7)
    result = loss(student, teacher, weights if weighted else None)
    numbers = weights.numpy() if weighted else np.ones((B, K))
    slow = slow_spatial(student.numpy(), teacher.numpy(), numbers, mode, temperature, reduction)
    assert result.shape == ()
    assert result.item() == pytest.approx(0.7 * slow, rel=1e-10)


@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('temperature', [1.0, 2.0])
def test_channel_equals_a_loop(temperature, weighted):
    student, teacher, weights = random_heatmaps()
    loss = ChannelDistillationLoss(temperature, loss_weight=0.7)
    result = loss(student, teacher, weights if weighted else None)
    numbers = weights.numpy() if weighted else np.ones((B, K))
    slow = slow_channel(student.numpy(), teacher.numpy(), numbers, temperature)
    assert result.item() == pytest.approx(0.7 * slow, rel=1e-10)


def test_channel_default_is_the_papers_temperature():
    student, teacher, _ = random_heatmaps()
    assert ChannelDistillationLoss()(student, teacher) == ChannelDistillationLoss(2)(
        student, teacher
    )


@pytest.mark.parametrize('weighted', [False, True])
def test_l2_equals_a_loop(weighted):
    student, teacher, weights = random_heatmaps()
    result = HeatmapL2DistillationLoss(0.7)(student, teacher, weights if weighted else None)
    numbers = weights.numpy() if weighted else np.ones((B, K))
    assert result.item() == pytest.approx(
        0.7 * slow_l2(student.numpy(), teacher.numpy(), numbers), rel=1e-10
    )


@pytest.mark.parametrize('config', ALL, ids=NAMES)
def test_gradient_is_right_and_never_the_teachers(config):
    student, teacher, weights = random_heatmaps()
    loss = MODELS.build(config)
    student.requires_grad_()
    assert torch.autograd.gradcheck(lambda y: loss(y, teacher, weights), student)
    teacher.requires_grad_()
    (grad,) = torch.autograd.grad(loss(student, teacher, weights), teacher, allow_unused=True)
    assert grad is None


@pytest.mark.parametrize('config', ALL, ids=NAMES)
@pytest.mark.parametrize('weighted', [False, True])
def test_no_gradient_at_equality(config, weighted):
    student, _, weights = random_heatmaps(dtype=torch.float32)
    student.requires_grad_()
    loss = MODELS.build(config)(student, student.detach(), weights if weighted else None)
    (grad,) = torch.autograd.grad(loss, student)
    assert grad.abs().max() < 1e-7


@pytest.mark.parametrize('config', ALL, ids=NAMES)
def test_hidden_keypoints_change_nothing(config):
    student, teacher, weights = random_heatmaps()
    loss = MODELS.build(config)
    other = torch.where(weights[..., None, None] > 0, student, student * 3 + 1)
    assert loss(other, teacher, weights) == loss(student, teacher, weights)
    assert loss(other, teacher) != loss(student, teacher)
    student.requires_grad_()
    (grad,) = torch.autograd.grad(loss(student, teacher, weights), student)
    assert not grad[weights == 0].any()
    assert all(cells.any() for cells in grad[weights > 0])


@pytest.mark.parametrize('config', ALL, ids=NAMES)
def test_everything_hidden_is_zero(config):
    student, teacher, weights = random_heatmaps()
    student.requires_grad_()
    loss = MODELS.build(config)(student, teacher, weights * 0)
    loss.backward()
    assert loss.item() == 0
    assert not student.grad.any()


@pytest.mark.parametrize('temperature', [0.5, 1.0])
def test_value_at_equality_is_the_teachers_entropy(temperature):
    _, teacher, _ = random_heatmaps()
    entropies = [
        -sum(p * math.log(p) for p in softmax(cells.ravel() / temperature))
        for sample in teacher.numpy()
        for cells in sample
    ]
    loss = SpatialDistillationLoss(temperature=temperature)(teacher, teacher)
    assert loss.item() == pytest.approx(np.mean(entropies), rel=1e-12)
    # and nowhere less
    assert SpatialDistillationLoss(temperature=temperature)(teacher * 1.1, teacher) > loss


@pytest.mark.parametrize('mode', SpatialDistillationLoss.MODES)
def test_constant_added_to_a_heatmap_changes_nothing_but_the_anchor(mode):
    student, teacher, weights = random_heatmaps()
    shifted = student + torch.arange(1, K + 1)[:, None, None]
    loss = SpatialDistillationLoss(mode)
    assert loss(shifted, teacher).item() == pytest.approx(loss(student, teacher).item(), rel=1e-12)
    anchored = SpatialDistillationLoss(mode, anchor_weight=0.1)
    expected = loss(shifted, teacher, weights) + 0.1 * KeypointMSELoss(use_target_weight=True)(
        shifted, teacher, weights
    )
    assert anchored(shifted, teacher, weights).item() == pytest.approx(expected.item(), rel=1e-12)


def gaussian(centre):
    x, y = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing='xy')
    return torch.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * 2.0**2))


def gradient_ratio(student, **options):
    """Norm of the loss's gradient over that of a mean squared error, teacher at (32, 32)."""
    teacher = gaussian((32, 32))[None, None]
    student = student[None, None].clone().requires_grad_()
    (grad,) = torch.autograd.grad(SpatialDistillationLoss(**options)(student, teacher), student)
    (plain,) = torch.autograd.grad(KeypointMSELoss()(student, teacher), student)
    return (grad.norm() / plain.norm()).item()


@pytest.mark.parametrize(
    'options, low, high',
    [
        (dict(), 0.6, 0.9),
        (dict(temperature=2.0), 0.1, 0.2),
        (dict(temperature=0.1), 2e3, 4.5e3),
        (dict(reduction='element_mean'), 1.4e-4, 2.2e-4),
        (dict(mode='axes', reduction='distribution_mean'), 1.0, 1.6),
        (dict(mode='axes'), 65, 100),
        (dict(mode='axes', reduction='element_mean'), 0.015, 0.025),
    ],
)
def test_weight_against_a_plain_error(options, low, high):
    """What loss_weight means: 64 x 64 cells, sigma 2; the peak shifted, lost and halved."""
    target = gaussian((32, 32))
    for student in (gaussian((35, 32)), torch.zeros(64, 64), target / 2):
        assert low < gradient_ratio(student, **options) < high


@pytest.mark.parametrize('config', ALL, ids=NAMES)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(config, dtype):
    """64 x 64 cells would sum to more than half precision can count in steps of one."""
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(2, 3, 64, 64, generator=generator) * 20 for _ in range(2))
    student, teacher = student.to(dtype), teacher.to(dtype)
    weights = torch.tensor([[1, 0, 1], [1, 1, 1]], dtype=dtype)
    loss = MODELS.build(config)
    exact = loss(student.double(), teacher.double(), weights.double()).item()
    student.requires_grad_()
    result = loss(student, teacher, weights)
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(exact, rel=1e-5)
    with torch.autocast('cpu', dtype):
        assert loss(student, teacher, weights).item() == pytest.approx(exact, rel=1e-5)
    result.backward()
    assert torch.isfinite(student.grad).all() and student.grad.any()


@pytest.mark.parametrize('config', ALL, ids=NAMES)
def test_different_keypoints(config):
    student, teacher, _ = random_heatmaps()
    with pytest.raises(ValueError, match=r'\(3, 4, 5, 6\) and \(3, 1, 5, 6\)'):
        MODELS.build(config)(student, teacher[:, :1])


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(mode='w'), "mode is 'w'"),
        (dict(reduction='mean'), "reduction is 'mean'"),
        (dict(temperature=0), 'temperature is 0'),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        SpatialDistillationLoss(**options)


def test_channel_temperature():
    with pytest.raises(ValueError, match='temperature is -1'):
        ChannelDistillationLoss(temperature=-1)
