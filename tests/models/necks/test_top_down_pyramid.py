import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS

from kpt_plugins.models.necks import TopDownPyramid

CHANNELS = (3, 5, 7)


def features(sizes=((8, 12), (4, 6), (2, 3))):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, channels, *size, generator=generator)
        for channels, size in zip(CHANNELS, sizes, strict=True)
    ]


def test_equals_cell_by_cell():
    neck, maps = TopDownPyramid(CHANNELS, 4), features()
    for lateral in neck.laterals:
        torch.nn.init.normal_(lateral.bias)
    outputs = neck(maps)
    assert [tuple(o.shape) for o in outputs] == [(2, 4, 2, 3), (2, 4, 4, 6), (2, 4, 8, 12)]
    c3, c4, c5 = (lateral(level) for lateral, level in zip(neck.laterals, maps, strict=True))
    for y in range(8):
        for x in range(12):
            expected = c3[..., y, x] + c4[..., y // 2, x // 2] + c5[..., y // 4, x // 4]
            torch.testing.assert_close(outputs[2][..., y, x], expected)
    torch.testing.assert_close(outputs[0], c5)
    torch.testing.assert_close(outputs[1], c4 + F.interpolate(c5, scale_factor=2, mode='nearest'))


def test_sizes_that_do_not_double():
    """An input that is no multiple of 32 pixels."""
    outputs = TopDownPyramid(CHANNELS, 4)(features(((7, 13), (4, 7), (2, 4))))
    assert [tuple(o.shape[2:]) for o in outputs] == [(2, 4), (4, 7), (7, 13)]


def test_parameters_of_the_resnet50_pyramid():
    neck = MODELS.build(dict(type='TopDownPyramid', in_channels=[512, 1024, 2048]))
    assert sum(p.numel() for p in neck.parameters()) == 918_272


def test_initialisation_is_xavier():
    neck = TopDownPyramid((300,), 200)
    neck.init_weights()
    limit = (6 / 500) ** 0.5
    weight = neck.laterals[0].weight
    assert 0.99 * limit < weight.abs().max() <= limit
    assert not neck.laterals[0].bias.any()


def test_chosen_levels():
    maps = features()
    neck = TopDownPyramid((5, 7), 4, in_indices=(1, 2))
    outputs = neck(maps)
    torch.testing.assert_close(outputs[0], neck.laterals[1](maps[2]))
    assert len(outputs) == 2


def test_wrong_number_of_levels():
    with pytest.raises(ValueError, match='gives 3 levels, but TopDownPyramid.in_channels names 2'):
        TopDownPyramid(CHANNELS[:2], 4)(features())
