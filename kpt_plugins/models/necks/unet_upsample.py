"""The expanding half of a U-Net over the stages of a backbone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class UNetUpsampleNeck(BaseModule):
    """Blocks of two 3x3 convolutions, from the coarsest stage to the finest (CoKe, as in NeMo).

    Each block but the first takes the one before it, enlarged to its stage's size, and its stage.
    With the stages 1, 2 and 3 of a ResNet-50 and the default widths: 2048 -> 1024 -> 1024 at
    stride 32, 1024 + 1024 -> 1024 -> 512 at stride 16, 512 + 512 -> 512 -> 256 at stride 8.
    With stage 0 before them, stride 4.

    Maps are enlarged with ``align_corners=False``, as everywhere here.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's stages, finest first.
        out_channels (int): Channels of the result.
        hidden_channels (Sequence[int] | None): Width of each stage's block, finest first, for
            small models; a block gives the width of the next finer one. By default the stage's
            own channels, and those of the next finer one for the coarsest.
        norm_cfg (dict | None): Normalisation after each convolution.
        init_cfg (dict | None): Initialisation; Kaiming by default, as of ``ConvModule``.

    Raises:
        ValueError: For fewer than two stages, or another number of ``hidden_channels``.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int = 256,
        hidden_channels: Sequence[int] | None = None,
        norm_cfg: dict | None = dict(type='BN'),  # noqa: B006
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if len(in_channels) < 2:
            raise ValueError(f'in_channels is {list(in_channels)}; expected two stages or more')
        hidden = hidden_channels or [*in_channels[:-1], in_channels[-2]]
        if len(hidden) != len(in_channels):
            raise ValueError(
                f'hidden_channels is {list(hidden)}; expected one width for each of the '
                f'{len(in_channels)} stages in in_channels'
            )
        # Finest first, like the arguments.
        self.blocks = nn.ModuleList()
        for level, stage in enumerate(in_channels):
            coarsest = level == len(in_channels) - 1
            widths = [
                stage if coarsest else stage + hidden[level],
                hidden[level],
                hidden[level - 1] if level else out_channels,
            ]
            self.blocks.append(
                nn.Sequential(
                    *(
                        ConvModule(a, b, 3, padding=1, norm_cfg=norm_cfg)
                        for a, b in zip(widths[:-1], widths[1:], strict=True)
                    )
                )
            )

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor]:
        """Maps (B, C_t, H_t, W_t), finest first, to one map (B, out_channels, H_0, W_0)."""
        if len(features) != len(self.blocks):
            raise ValueError(
                f'the backbone gives {len(features)} stages, but UNetUpsampleNeck.in_channels '
                f"names {len(self.blocks)}; set the backbone's out_indices accordingly"
            )
        result = self.blocks[-1](features[-1])
        for feature, block in zip(features[-2::-1], self.blocks[-2::-1], strict=True):
            larger = F.interpolate(
                result, size=feature.shape[-2:], mode='bilinear', align_corners=False
            )
            result = block(torch.cat([larger, feature], dim=1))
        return (result,)
