import pytest
import torch
from mmpose.registry import MODELS

from kpt_plugins.models.losses import KeypointL1Loss, keypoint_l1_loss


def slow_loss(predictions, targets, visible):
    """Section 4.1 with loops: sum over layers, mean over samples, mean over visible keypoints."""
    total = 0.0
    for layer in predictions:
        for b, sample in enumerate(layer):
            error, count = 0.0, 0
            for k, (x, y) in enumerate(sample.tolist()):
                if visible[b, k]:
                    error += abs(x - targets[b, k, 0].item()) + abs(y - targets[b, k, 1].item())
                    count += 1
            total += error / max(count, 0.1) / len(layer)
    return total


@pytest.mark.parametrize('layers', [1, 3])
@pytest.mark.parametrize('batch', [1, 4])
def test_equals_a_loop(layers, batch):
    generator = torch.Generator().manual_seed(0)
    predictions = torch.rand(layers, batch, 7, 2, generator=generator)
    targets = torch.rand(batch, 7, 2, generator=generator)
    visible = torch.rand(batch, 7, generator=generator) < 0.6
    visible[0] = False
    result = keypoint_l1_loss(predictions, targets, visible)
    assert result.shape == ()
    assert result.item() == pytest.approx(slow_loss(predictions, targets, visible), rel=1e-5)


def test_nothing_visible_is_zero_with_zero_gradient():
    predictions = torch.rand(3, 2, 5, 2, requires_grad=True)
    loss = keypoint_l1_loss(predictions, torch.rand(2, 5, 2), torch.zeros(2, 5, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0 and not predictions.grad.any()


def test_invisible_keypoints_get_no_gradient():
    predictions = torch.rand(2, 1, 4, 2, requires_grad=True)
    visible = torch.tensor([[True, False, True, False]])
    keypoint_l1_loss(predictions, torch.rand(1, 4, 2), visible).backward()
    assert not predictions.grad[:, :, [1, 3]].any() and predictions.grad[:, :, [0, 2]].all()


def test_gradcheck():
    generator = torch.Generator().manual_seed(0)
    predictions = torch.rand(2, 2, 4, 2, generator=generator, dtype=torch.float64)
    targets = torch.rand(2, 4, 2, generator=generator, dtype=torch.float64)
    visible = torch.rand(2, 4, generator=generator) < 0.7

    def function(predictions):
        return keypoint_l1_loss(predictions, targets, visible)

    assert torch.autograd.gradcheck(function, predictions.requires_grad_())


def test_registered_module_scales():
    predictions, targets, visible = torch.rand(1, 2, 4, 2), torch.rand(2, 4, 2), torch.ones(2, 4)
    loss = MODELS.build(dict(type='KeypointL1Loss', loss_weight=0.5))
    assert isinstance(loss, KeypointL1Loss)
    expected = 0.5 * keypoint_l1_loss(predictions, targets, visible)
    torch.testing.assert_close(loss(predictions, targets, visible), expected)
