import math

import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS

from kpt_plugins.models.losses.correspondence_loss import correspondence_loss

B, K, D, H, W, SCALE = 4, 3, 5, 6, 7, 9.0


def inputs():
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(B, 2, D, H, W, dtype=torch.float64, generator=generator)
    points = torch.rand(B, 2, K, 2, dtype=torch.float64, generator=generator)
    visible = torch.rand(B, 2, K, generator=generator) < 0.8
    visible[3, 0] = False
    visible[2] = True
    return F.normalize(maps, dim=2), points, visible


def descriptor(field, place):
    grid = (2 * place - 1)[None, None, None]
    return F.normalize(F.grid_sample(field[None], grid, align_corners=False).flatten(), dim=0)


def slow_loss(maps, points, visible, negatives):
    pairs = []
    for b in range(B):
        terms = []
        both = [k for k in range(K) if visible[b, 0, k] and visible[b, 1, k]]
        for k in both:
            for one, other in [(0, 1), (1, 0)]:
                query = descriptor(maps[b, one], points[b, one, k])
                if negatives == 'pixels':
                    logits = {
                        (r, c): SCALE * (query @ maps[b, other, :, r, c]).item()
                        for r in range(H)
                        for c in range(W)
                    }
                    x, y = points[b, other, k].tolist()
                    right = int(y * H), int(x * W)
                else:
                    keys = {j: descriptor(maps[b, other], points[b, other, j]) for j in both}
                    logits = {j: SCALE * (query @ key).item() for j, key in keys.items()}
                    right = k
                total = sum(math.exp(value) for value in logits.values())
                terms.append(math.log(total) - logits[right])
        if terms:
            pairs.append(sum(terms) / len(terms))
    return sum(pairs) / len(pairs)


@pytest.mark.parametrize('negatives', ['pixels', 'keypoints'])
def test_symmetric_cross_entropy(negatives):
    result = correspondence_loss(*inputs(), SCALE, negatives)
    assert result.item() == pytest.approx(slow_loss(*inputs(), negatives))


def test_starts_near_the_logarithm_of_the_cells():
    maps, points, visible = inputs()
    result = correspondence_loss(maps, points, visible, 1e-6)
    assert result.item() == pytest.approx(math.log(H * W), rel=1e-4)


def test_points_at_the_very_border_have_a_cell():
    maps, points, visible = inputs()
    points[2, 0, 0], points[2, 1, 0] = torch.tensor([1.0, 1.0]), torch.tensor([0.0, 0.0])
    assert correspondence_loss(maps, points, visible, SCALE).isfinite()


@pytest.mark.parametrize('negatives', ['pixels', 'keypoints'])
def test_gradient(negatives):
    maps, points, visible = inputs()
    scale = torch.tensor(SCALE, dtype=torch.float64, requires_grad=True)

    def loss(maps, scale):
        return correspondence_loss(maps, points, visible, scale, negatives)

    assert torch.autograd.gradcheck(loss, [maps.requires_grad_(), scale], fast_mode=True)
    grad = torch.autograd.grad(loss(maps, scale), maps)[0]
    assert not grad[3].any() and grad[2].any()


@pytest.mark.parametrize('negatives', ['pixels', 'keypoints'])
@pytest.mark.parametrize('keypoints', [0, 3])
def test_nothing_in_both_images(negatives, keypoints):
    maps = inputs()[0].requires_grad_()
    visible = torch.zeros(B, 2, keypoints, dtype=torch.bool)
    points = torch.rand(B, 2, keypoints, 2, dtype=torch.float64)
    loss = correspondence_loss(maps, points, visible, SCALE, negatives)
    loss.backward()
    assert loss == 0 and not maps.grad.any()


def test_module():
    module = MODELS.build(dict(type='CorrespondenceLoss', loss_weight=0.1, negatives='keypoints'))
    expected = 0.1 * slow_loss(*inputs(), 'keypoints')
    assert module(*inputs(), SCALE).item() == pytest.approx(expected)


def test_unknown_negatives():
    with pytest.raises(ValueError, match="negatives is 'images'"):
        MODELS.build(dict(type='CorrespondenceLoss', negatives='images'))
