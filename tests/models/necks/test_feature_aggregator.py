import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS

CHANNELS = [4, 6, 10]


def build(**kwargs):
    torch.manual_seed(0)
    config = dict(type='FeatureAggregator', in_channels=CHANNELS, out_channels=8, num_groups=4)
    return MODELS.build({**config, **kwargs})


def levels(batch=2):
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(batch, c, 16 >> i, 24 >> i, generator=generator) for i, c in enumerate(CHANNELS)
    ]


@pytest.mark.parametrize('size', [None, (20, 30), (16, 24)])
def test_weighted_sum_of_projected_levels(size):
    neck = build(out_size=size)
    neck.mixing.data = torch.tensor([0.5, -1.0, 2.0])
    result = neck(levels())
    assert result.shape == (2, 8, *(size or (16, 24)))
    exponents = neck.mixing.exp()
    expected = 0
    for weight, level, projection in zip(exponents, levels(), neck.projections, strict=True):
        conv, last = projection[0].conv, projection[1]
        x = F.conv2d(level, conv.weight, conv.bias)
        x = F.relu(F.group_norm(x, 4, projection[0].norm.weight, projection[0].norm.bias))
        x = F.conv2d(x, last.weight, last.bias, padding=1)
        x = F.interpolate(x, size=result.shape[-2:], mode='bilinear', align_corners=False)
        expected = expected + 3 * weight / exponents.sum() * x
    torch.testing.assert_close(result, expected)


def test_everything_learns():
    neck = build()
    neck(levels()).square().mean().backward()
    assert all(p.grad is not None and p.grad.any() for p in neck.parameters())


def test_images_do_not_mix():
    neck = build()
    torch.testing.assert_close(neck(levels())[:1], neck([level[:1] for level in levels()]))


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(in_channels=[]), 'in_channels is empty'),
        (dict(num_groups=3), 'num_groups=3 does not divide out_channels=8'),
    ],
)
def test_bad_options(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_other_number_of_levels():
    with pytest.raises(ValueError, match='gives 2 levels, but FeatureAggregator.in_channels names'):
        build()(levels()[:2])
