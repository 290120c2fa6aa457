"""Dense descriptors that find a place of one image again in another."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from kpt_plugins.models.layers.local_window import local_window, window_mean
from kpt_plugins.models.layers.point_sampling import sample_features

# Largest factor of cosines, as in CLIP and Diffusion Hyperfeatures.
MAX_SCALE = 100.0


@MODELS.register_module()
class CorrespondenceHead(BaseModule):
    """Descriptors of length one for every cell, and a learned factor of their cosines.

    Args:
        in_channels (int): Channels of the feature map.
        dims (int | None): Channels of the descriptors; None takes the features themselves.
        radius (int): Cells around the best match that share in a corresponding point.
        temperature (float): Initial temperature, one by the factor of cosines.
        num_groups (int): Groups of the normalisation; divides ``in_channels``.
        init_cfg (dict | None): Initialisation.
    """

    def __init__(
        self,
        in_channels: int,
        dims: int | None = 64,
        radius: int = 3,
        temperature: float = 0.07,
        num_groups: int = 8,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.radius = radius
        self.projection = nn.Identity()
        if dims is not None:
            norm = dict(type='GN', num_groups=num_groups)
            self.projection = nn.Sequential(
                ConvModule(in_channels, in_channels, 3, padding=1, norm_cfg=norm),
                nn.Conv2d(in_channels, dims, 1),
            )
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    @property
    def scale(self) -> Tensor:
        """Factor of cosines, a scalar of at most 100."""
        return self.log_scale.exp().clamp(max=MAX_SCALE)

    def forward(self, features: Tensor) -> Tensor:
        """Descriptors (B, D, h, w) of length one over D."""
        return F.normalize(self.projection(features), dim=1)

    @torch.no_grad()
    def transfer(self, points: Tensor, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Points of other images that correspond to given ones.

        Args:
            points (Tensor): (B, N, 2), fractions of the source images.
            source, target (Tensor): Descriptors (B, D, h, w) of both.

        Returns:
            tuple[Tensor, Tensor]: Points (B, N, 2), fractions of the target images, and the
            cosines (B, N) of the best cells. Without gradient.
        """
        height, width = target.shape[-2:]
        queries = F.normalize(sample_features(source, points), dim=-1)
        cosine = queries @ target.flatten(2).to(queries)
        peak, best = cosine.max(dim=-1)
        window = local_window(best // width, best % width, self.radius, height, width)
        values = cosine.gather(-1, window.index) - peak[..., None]
        return window_mean((values * self.scale).exp(), window, height, width), peak
