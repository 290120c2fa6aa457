"""A feature pyramid of lateral connections alone."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class TopDownPyramid(BaseModule):
    """One 1x1 convolution a level, then top-down addition (FMMP, section 2.2).

    No smoothing, norm or activation, unlike MMDetection's ``FPN``.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's levels, finest first.
        out_channels (int): Channels of every output level.
        in_indices (Sequence[int], optional): Which of the backbone's levels are used; all by
            default.
        init_cfg (dict, optional): Initialisation; Xavier by default.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int = 256,
        in_indices: Sequence[int] | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Xavier', layer='Conv2d', distribution='uniform'))
        self.in_indices = in_indices
        self.laterals = nn.ModuleList(nn.Conv2d(c, out_channels, 1) for c in in_channels)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps (B, C_t, H_t, W_t), finest first, to (B, out_channels, H_t, W_t), coarsest first."""
        if self.in_indices is not None:
            features = [features[index] for index in self.in_indices]
        if len(features) != len(self.laterals):
            raise ValueError(
                f'the backbone gives {len(features)} levels, but TopDownPyramid.in_channels names '
                f"{len(self.laterals)}; set the backbone's out_indices accordingly"
            )
        outputs: list[Tensor] = []
        for feature, lateral in zip(reversed(features), reversed(self.laterals), strict=True):
            level = lateral(feature)
            if outputs:
                level = level + F.interpolate(outputs[-1], size=level.shape[-2:], mode='nearest')
            outputs.append(level)
        return tuple(outputs)
