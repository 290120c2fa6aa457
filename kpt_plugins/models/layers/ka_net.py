"""Where an old keypoint is, from two new ones and what the old model sees around them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class KANet(BaseModule):
    """Knowledge association network of KAMP (Liang et al., "Incremental Object Keypoint Learning",
    CVPR 2025): predicts the heatmap of an old keypoint from two new ones.

    The features of the frozen old model, multiplied by the heatmaps of the two new keypoints, are
    concatenated and go through a small CNN of its own for each triplet. What is not near a new
    keypoint is zero, so the CNN must reach from there to the old one: the defaults' kernels reach
    27 cells, three plain 3 x 3 kernels only 3. Kernel sizes, dilations and width are ours, the
    paper only counts the three layers.

    Args:
        in_channels (int): Channels C of the features.
        num_triplets (int): Old keypoints n to predict, each from its own two new ones.
        hidden_channels (int): Channels between the layers.
        kernel_sizes (Sequence[int]): Of the layers, odd.
        dilations (Sequence[int]): Of the layers.
        concat_raw (bool): Give the CNN the features themselves too. The old model's heatmap is a
            simple function of them, so the network copies it and learns no relation; only for
            showing that.
        init_cfg (dict | list | None): As of MMEngine's ``BaseModule``; by default He's
            initialisation, and the last layer close to zero.

    Raises:
        ValueError: If there is no triplet, or ``kernel_sizes`` is empty, has an even size or
            another length than ``dilations``.
    """

    def __init__(
        self,
        in_channels: int,
        num_triplets: int = 1,
        hidden_channels: int = 64,
        kernel_sizes: Sequence[int] = (7, 7, 7),
        dilations: Sequence[int] = (1, 4, 4),
        concat_raw: bool = False,
        init_cfg: dict | list | None = None,
    ) -> None:
        if num_triplets < 1:
            raise ValueError(f'num_triplets is {num_triplets}; expected 1 or more')
        if not kernel_sizes or len(kernel_sizes) != len(dilations):
            raise ValueError(
                f'kernel_sizes {tuple(kernel_sizes)} and dilations {tuple(dilations)} must have '
                'the same length, one entry a layer'
            )
        if any(size % 2 == 0 for size in kernel_sizes):
            raise ValueError(f'kernel_sizes {tuple(kernel_sizes)} must be odd to keep the map size')
        super().__init__(init_cfg or self.default_init_cfg)
        self.num_triplets = num_triplets
        self.concat_raw = concat_raw
        channels = (3 if concat_raw else 2) * in_channels
        layers = list(zip(kernel_sizes, dilations, strict=True))
        self.predictors = nn.ModuleList(
            _predictor(channels, hidden_channels, layers) for _ in range(num_triplets)
        )

    @property
    def default_init_cfg(self) -> list[dict]:
        """He's initialisation of hidden layers; heatmaps start flat, as those of a heatmap head."""
        return [
            dict(type='Kaiming', layer='Conv2d'),
            dict(type='Constant', layer='BatchNorm2d', val=1),
        ]

    def init_weights(self) -> None:
        """Initialise all layers."""
        super().init_weights()
        if self.init_cfg == self.default_init_cfg:
            for predictor in self.predictors:
                nn.init.normal_(predictor[-1].weight, std=0.001)

    def forward(self, features: Tensor, heat_first: Tensor, heat_second: Tensor) -> Tensor:
        """Heatmaps (B, n, h, w) of the old keypoints.

        Args:
            features (Tensor): (B, C, h, w), of the frozen old model.
            heat_first (Tensor): (B, n, h, w), heatmaps of the first new keypoint of each triplet.
            heat_second (Tensor): (B, n, h, w), of the second.

        Raises:
            ValueError: If features and heatmaps differ in size, or the heatmaps are not n.
        """
        expected = (len(features), self.num_triplets, *features.shape[2:])
        for heat in (heat_first, heat_second):
            if heat.shape != expected:
                raise ValueError(
                    f'features are {tuple(features.shape)} and the triplets '
                    f'{self.num_triplets}, so heatmaps must be {expected}, but are '
                    f'{tuple(heat.shape)}'
                )
        raw = [features] if self.concat_raw else []
        return torch.cat(
            [
                predictor(torch.cat([features * first, features * second, *raw], dim=1))
                for predictor, first, second in zip(
                    self.predictors, heat_first.split(1, 1), heat_second.split(1, 1), strict=True
                )
            ],
            dim=1,
        )


def _predictor(channels: int, hidden: int, layers: list[tuple[int, int]]) -> nn.Sequential:
    """Convolutions of (kernel size, dilation) that keep the map size, the last one linear."""
    modules = []
    for number, (size, dilation) in enumerate(layers, 1):
        last = number == len(layers)
        padding = dilation * (size - 1) // 2
        modules.append(
            nn.Conv2d(
                channels,
                1 if last else hidden,
                size,
                padding=padding,
                dilation=dilation,
                bias=last,
            )
        )
        if not last:
            modules += [nn.BatchNorm2d(hidden), nn.ReLU(inplace=True)]
        channels = hidden
    return nn.Sequential(*modules)
