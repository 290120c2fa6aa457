import math

import pytest
import torch
from mmpose.registry import MODELS

from kpt_plugins.models.losses import UniformityLoss


def slow_loss(heatmaps):
    """Kullback-Leibler divergence of each softmax from 1 / cells, cell by cell."""
    total = 0.0
    for sample in heatmaps.tolist():
        for rows in sample:
            values = [math.exp(v) for row in rows for v in row]
            p = [v / sum(values) for v in values]
            total += sum(q * math.log(q / (1 / len(p))) for q in p)
    return total / (len(heatmaps) * heatmaps.shape[1])


def heatmaps():
    return torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)).double()


def test_equals_a_loop():
    loss = MODELS.build(dict(type='UniformityLoss', loss_weight=0.7))
    assert loss(heatmaps()).item() == pytest.approx(0.7 * slow_loss(heatmaps()), rel=1e-10)


def test_least_where_all_cells_are_equal():
    flat = torch.ones(1, 2, 4, 5, dtype=torch.float64) * torch.tensor([3.0, -2.0])[:, None, None]
    assert UniformityLoss()(flat).item() == pytest.approx(0, abs=1e-12)
    assert UniformityLoss()(heatmaps()) > UniformityLoss()(heatmaps() / 2) > 0


def test_gradcheck():
    assert torch.autograd.gradcheck(UniformityLoss(), heatmaps().requires_grad_())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    half = (torch.randn(1, 2, 64, 64, generator=torch.Generator().manual_seed(0)) * 3).to(dtype)
    result = UniformityLoss()(half)
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(UniformityLoss()(half.double()).item(), rel=1e-5)
