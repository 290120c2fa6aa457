"""How much of a keypoint every place is, whichever keypoint and category."""

from __future__ import annotations

import math

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from kpt_plugins.models.layers.local_window import local_window, window_mean
from kpt_plugins.models.layers.point_sampling import sample_features


@MODELS.register_module()
class KeynessHead(BaseModule):
    """Keyness map, in one of two readings of the paper's M.

    * ``'heatmap'``: M (1, h, w) in [0, 1], Gaussians at all keypoints of any identity. A point's
      offset leads to the most key place of the disc around it.
    * ``'offset'``: M (2, h, w), at every cell the way in cells to the nearest keypoint, defined
      near keypoints only.

    Args:
        in_channels (int): Channels of the feature map.
        mode (str): ``'heatmap'`` or ``'offset'``.
        radius (float): R, of the disc around a point in cells; also the unit of the guiding loss.
        temperature (float): Of the softmax over the disc.
        min_keyness (float): A disc whose most key cell has less moves nothing.
        init_bias (float): Bias of the heatmap's logit at the start.
        num_groups (int): Groups of the normalisation; divides ``in_channels``.
        init_cfg (dict | None): Initialisation.

    Raises:
        ValueError: For another mode or a radius that is not positive.
    """

    def __init__(
        self,
        in_channels: int,
        mode: str = 'heatmap',
        radius: float = 4.0,
        temperature: float = 0.1,
        min_keyness: float = 0.1,
        init_bias: float = -3.0,
        num_groups: int = 8,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if mode not in ('heatmap', 'offset'):
            raise ValueError(f"KeynessHead: mode is {mode!r}; expected 'heatmap' or 'offset'")
        if not radius > 0:
            raise ValueError(f'KeynessHead: radius is {radius}; expected a positive number')
        self.mode = mode
        self.radius = radius
        self.temperature = temperature
        self.min_keyness = min_keyness
        self.conv = ConvModule(
            in_channels,
            in_channels,
            3,
            padding=1,
            norm_cfg=dict(type='GN', num_groups=num_groups),
        )
        self.output = nn.Conv2d(in_channels, 1 if mode == 'heatmap' else 2, 1)
        if mode == 'heatmap':
            nn.init.constant_(self.output.bias, init_bias)

    def forward(self, features: Tensor) -> Tensor:
        """Keyness (B, 1, h, w) in [0, 1], or offsets (B, 2, h, w) in cells."""
        maps = self.output(self.conv(features))
        return maps.sigmoid() if self.mode == 'heatmap' else maps

    def local_offset(self, maps: Tensor, points: Tensor) -> Tensor:
        """Way from points to the keypoint nearby that the maps show.

        Args:
            maps (Tensor): (B, 1 or 2, h, w), as of :meth:`forward`.
            points (Tensor): (B, N, 2), fractions of the crop.

        Returns:
            Tensor: (B, N, 2), fractions of the crop.
        """
        height, width = maps.shape[-2:]
        if self.mode == 'offset':
            return sample_features(maps, points) / points.new_tensor([width, height])
        place = points.detach() * points.new_tensor([width, height])
        cell = place.floor().long()
        window = local_window(
            cell[..., 1].clamp(0, height - 1),
            cell[..., 0].clamp(0, width - 1),
            math.ceil(self.radius),
            height,
            width,
        )
        distance = (window.centres - place[..., None, :]).norm(dim=-1)
        disc = window.inside & (distance <= self.radius)
        values = maps.flatten(2).expand(-1, points.shape[1], -1).gather(-1, window.index)
        values = values.masked_fill(~disc, -torch.inf)
        key = values.amax(dim=-1, keepdim=True)
        near = key >= self.min_keyness
        share = ((values - key.clamp(min=0)) / self.temperature).exp()
        target = window_mean(share, window, height, width)
        return (target - points) * near
