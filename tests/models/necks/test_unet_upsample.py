"""Shapes, widths and places of the up-sampling neck."""

import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS

from kpt_plugins.models.necks import UNetUpsampleNeck


def maps(channels, size=(16, 24)):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, c, -(-size[0] // 2**i), -(-size[1] // 2**i), generator=generator)
        for i, c in enumerate(channels)
    ]


def widths(neck):
    return [[(m.conv.in_channels, m.conv.out_channels) for m in block] for block in neck.blocks]


def test_widths_are_those_of_the_paper_for_resnet50():
    neck = MODELS.build(dict(type='UNetUpsampleNeck', in_channels=[512, 1024, 2048]))
    assert widths(neck) == [
        [(1024, 512), (512, 256)],
        [(2048, 1024), (1024, 512)],
        [(2048, 1024), (1024, 1024)],
    ]


@pytest.mark.parametrize('channels', [(8, 12), (4, 6, 8), (4, 6, 8, 10)])
@pytest.mark.parametrize('size', [(16, 24), (15, 21)])
def test_one_map_of_the_finest_size(channels, size):
    neck = UNetUpsampleNeck(channels, 5)
    (out,) = neck(maps(channels, size))
    assert out.shape == (2, 5, *size)
    out.sum().backward()
    assert all(p.grad is not None for p in neck.parameters())


def test_blocks_one_by_one():
    channels = (4, 6, 8)
    neck, (fine, middle, coarse) = UNetUpsampleNeck(channels, 5).eval(), maps(channels)

    def larger(x):
        return F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False)

    x = neck.blocks[2](coarse)
    x = neck.blocks[1](torch.cat([larger(x), middle], dim=1))
    x = neck.blocks[0](torch.cat([larger(x), fine], dim=1))
    torch.testing.assert_close(neck([fine, middle, coarse])[0], x)


def test_narrow_blocks():
    neck = UNetUpsampleNeck((4, 6, 8), 5, hidden_channels=(2, 3, 7))
    assert widths(neck) == [[(6, 2), (2, 5)], [(9, 3), (3, 2)], [(8, 7), (7, 3)]]
    assert neck(maps((4, 6, 8)))[0].shape[1] == 5


def test_strides_with_a_resnet():
    for out_indices, channels, cells in (
        ((1, 2, 3), (16, 32, 64), 8),
        ((0, 1, 2, 3), (8, 16, 32, 64), 16),
    ):
        backbone = MODELS.build(
            dict(type='ResNet', depth=18, stem_channels=8, base_channels=8, out_indices=out_indices)
        )
        neck = UNetUpsampleNeck(channels, 16)
        (out,) = neck(backbone(torch.zeros(2, 3, 64, 64)))
        assert out.shape == (2, 16, cells, cells)


def test_no_normalisation():
    neck = UNetUpsampleNeck((4, 6), 5, norm_cfg=None)
    assert not any('bn' in name for name, _ in neck.named_parameters())


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(in_channels=(8,)), r'in_channels is \[8\]'),
        (dict(in_channels=(8, 9), hidden_channels=(4,)), r'hidden_channels is \[4\].* 2 stages'),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        UNetUpsampleNeck(**options)


def test_wrong_number_of_stages():
    with pytest.raises(
        ValueError, match='gives 3 stages, but UNetUpsampleNeck.in_channels names 2'
    ):
        UNetUpsampleNeck((4, 6))(maps((4, 6, 8)))
