"""Features with maps are a backbone's tuple to everyone else."""

import torch

from kpt_plugins.models.backbones import PromptedFeatures
from kpt_plugins.models.necks import TopDownPyramid


def test_is_a_tuple_with_maps():
    levels = [torch.randn(1, 4, 8, 8), torch.randn(1, 6, 4, 4)]
    maps = torch.rand(1, 3, 8, 8)
    features = PromptedFeatures(levels, maps)
    assert isinstance(features, tuple) and features[1] is levels[1] and len(features) == 2
    assert features.prompt_maps is maps
    neck = TopDownPyramid([4, 6], 5)
    for ours, plain in zip(neck(features), neck(tuple(levels)), strict=True):
        torch.testing.assert_close(ours, plain)
    assert not hasattr(tuple(levels), 'prompt_maps')
