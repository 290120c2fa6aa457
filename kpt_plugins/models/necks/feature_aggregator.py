"""One map out of a backbone's levels, each with a learned share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class FeatureAggregator(BaseModule):
    """Sum of projected levels with softmax-normalised learned weights.

    Every level goes through a 1x1 convolution, group normalisation, ReLU and a 3x3 convolution at
    its own size, is enlarged bilinearly and weighted; the weights add up to the number of levels,
    which keeps the scale. Compare the aggregation network of Luo et al., "Diffusion
    Hyperfeatures", NeurIPS 2023.

    Args:
        in_channels (Sequence[int]): Channels of the levels.
        out_channels (int): Channels of the result.
        out_size (Sequence[int] | None): Its height and width; those of the first level by default.
        num_groups (int): Groups of the normalisation; divides ``out_channels``.
        init_cfg (dict | None): Initialisation.

    Raises:
        ValueError: For no level, groups that do not divide the channels or, later, another number
            of levels.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int = 256,
        out_size: Sequence[int] | None = None,
        num_groups: int = 8,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not in_channels:
            raise ValueError('FeatureAggregator.in_channels is empty; expected a level or more')
        if out_channels % num_groups:
            raise ValueError(
                f'FeatureAggregator: num_groups={num_groups} does not divide '
                f'out_channels={out_channels}'
            )
        self.out_size = None if out_size is None else tuple(out_size)
        norm = dict(type='GN', num_groups=num_groups)
        self.projections = nn.ModuleList(
            nn.Sequential(
                ConvModule(channels, out_channels, 1, norm_cfg=norm),
                nn.Conv2d(out_channels, out_channels, 3, padding=1),
            )
            for channels in in_channels
        )
        self.mixing = nn.Parameter(torch.zeros(len(in_channels)))

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Maps (B, C_l, h_l, w_l) to one map (B, out_channels, h, w)."""
        if len(levels) != len(self.projections):
            raise ValueError(
                f'the backbone gives {len(levels)} levels, but FeatureAggregator.in_channels names '
                f"{len(self.projections)}; set the backbone's out_indices accordingly"
            )
        size = self.out_size or tuple(levels[0].shape[-2:])
        weights = self.mixing.softmax(dim=0) * len(levels)
        result = 0
        for level, projection, weight in zip(levels, self.projections, weights, strict=True):
            projected = projection(level)
            if tuple(projected.shape[-2:]) != size:
                projected = F.interpolate(
                    projected, size=size, mode='bilinear', align_corners=False
                )
            result = result + weight * projected
        return result
