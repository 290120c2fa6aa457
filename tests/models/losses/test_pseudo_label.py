import numpy as np
import pytest
import torch
from mmpose.codecs.utils import generate_gaussian_heatmaps
from mmpose.registry import MODELS

from kpt_plugins.models.losses.pseudo_label import PseudoLabelLoss, render_gaussians

B, K, H, W = 2, 4, 12, 9


def heatmaps():
    """Teacher peaks at known cells, the corners among them: sure, sure, unsure, just not sure."""
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(B, K, H, W, generator=generator)
    teacher = torch.rand(B, K, H, W, generator=generator) * 0.2
    cells = [[(3, 5), (0, 0), (4, 4), (2, 2)], [(8, 11), (0, 11), (1, 1), (7, 3)]]
    for b in range(B):
        for k, peak in enumerate([0.9, 0.6, 0.3, 0.5]):
            x, y = cells[b][k]
            teacher[b, k, y, x] = peak
    return student, teacher, cells


def slow_loss(student, cells, weights, sigma):
    total = 0.0
    for b in range(B):
        points = np.array([cells[b]], dtype=np.float32)
        target, _ = generate_gaussian_heatmaps((W, H), points, np.ones((1, K)), sigma)
        for k in range(2):  # those above the threshold
            total += weights[b][k] * ((student[b, k].numpy() - target[k]) ** 2).sum()
    return total / student.numel()


@pytest.mark.parametrize('sigma', [1.0, 2.0, 3.0])
def test_gaussians_are_mmposes(sigma):
    points = [(3, 5), (0, 0), (8, 11)]
    expected, _ = generate_gaussian_heatmaps(
        (W, H), np.array([points], dtype=np.float32), np.ones((1, 3)), sigma
    )
    result = render_gaussians(torch.tensor(points), H, W, sigma)
    assert result.numpy() == pytest.approx(expected, abs=1e-6)
    if sigma < 3:
        assert (result == 0).any()


def test_gaussian_of_a_broken_radius_stays_at_its_cell():
    """MMPose's moves by half a cell where 3 sigma is not whole; a label should not."""
    result = render_gaussians(torch.tensor([4, 6]), H, W, 1.5)
    assert result[6, 4] == result.max() == 1
    assert torch.equal(result[2:11], result[2:11].flip(0))
    assert torch.equal(result, result.flip(1))
    assert result[1].max() == 0 < result[2].max()


@pytest.mark.parametrize('weights', [None, [[1.0, 1, 1, 1], [0, 0.5, 1, 1]]])
def test_equals_a_loop(weights):
    student, teacher, cells = heatmaps()
    loss = MODELS.build(dict(type='PseudoLabelLoss', sigma=1.0, loss_weight=0.7))
    result = loss(student, teacher, weights and torch.tensor(weights))
    slow = slow_loss(student, cells, weights or np.ones((B, K)), 1.0)
    assert result.item() == pytest.approx(0.7 * slow, rel=1e-5)


def test_gradient_only_where_the_teacher_is_sure():
    student, teacher, _ = heatmaps()
    student.requires_grad_()
    teacher.requires_grad_()
    PseudoLabelLoss()(student, teacher).backward()
    assert teacher.grad is None
    assert student.grad[:, :2].flatten(2).any(-1).all()
    assert not student.grad[:, 2:].any()


def test_nothing_sure_is_zero():
    student, teacher, _ = heatmaps()
    student.requires_grad_()
    loss = PseudoLabelLoss(threshold=0.95)(student, teacher)
    loss.backward()
    assert loss.item() == 0 and not student.grad.any()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    student, teacher, _ = heatmaps()
    student, teacher = (student * 300).to(dtype), teacher.to(dtype)
    exact = PseudoLabelLoss()(student.double(), teacher.double())
    result = PseudoLabelLoss()(student, teacher)
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(exact.item(), rel=1e-5)


def test_errors():
    with pytest.raises(ValueError, match='sigma is 0'):
        PseudoLabelLoss(sigma=0)
    with pytest.raises(ValueError, match='differ in shape'):
        PseudoLabelLoss()(torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 4))
