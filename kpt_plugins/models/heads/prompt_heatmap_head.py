"""Heatmaps of learnable prompts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from kpt_plugins.models.layers.similarity_proposal import cell_centres
from kpt_plugins.models.layers.sine_encoding import sine_encoding


@MODELS.register_module()
class PromptHeatmapHead(BaseModule):
    r"""Prompts that look at the image, and their similarity to every cell of a feature map.

    .. math:: H_n(x) = \mathrm{sigmoid}(\langle W_o T_n, W_p F(x)\rangle / \sqrt d + b)

    T are N learnable prompts after pre-norm transformer decoder layers over image tokens. Without
    layers the prompts do not see the image, which is the exact analogue of learnable text tokens
    of a diffusion model.

    Args:
        in_channels (int): Channels of the feature map F.
        token_channels (Sequence[int]): Channels of the levels that give the tokens.
        token_levels (Sequence[int]): Which of the backbone's levels these are.
        num_prompts (int): N, at least the most keypoints of any category.
        dims (int): Width d of the prompts.
        num_layers (int): Decoder layers; 0 for none, without tokens.
        num_heads (int): Attention heads.
        feedforward (int | None): Width of the layers' feedforward part; 4 d by default.
        activation (str): ``'sigmoid'``, or ``'softmax'`` over the prompts and the sinks of a cell.
        num_sinks (int): Prompts beside the N that are never keypoints but explain the background;
            only for the softmax.
        init_bias (float): b at the start, for the sigmoid: a low one starts with empty maps.
        init_cfg (dict | None): Initialisation.

    Raises:
        ValueError: For options that do not fit each other.
    """

    def __init__(
        self,
        in_channels: int,
        token_channels: Sequence[int] = (),
        token_levels: Sequence[int] = (-1,),
        num_prompts: int = 100,
        dims: int = 256,
        num_layers: int = 2,
        num_heads: int = 8,
        feedforward: int | None = None,
        activation: str = 'sigmoid',
        num_sinks: int = 16,
        init_bias: float = -3.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if activation not in ('sigmoid', 'softmax'):
            raise ValueError(
                f"PromptHeatmapHead: activation is {activation!r}; expected 'sigmoid' or 'softmax'"
            )
        if num_prompts < 1:
            raise ValueError(f'PromptHeatmapHead: num_prompts is {num_prompts}; expected 1 or more')
        if num_layers and len(token_channels) != len(token_levels):
            raise ValueError(
                f'PromptHeatmapHead: token_channels={list(token_channels)} but '
                f'token_levels={list(token_levels)}; expected one number of channels a level'
            )
        if num_layers and (dims % num_heads or dims % 4):
            raise ValueError(
                f'PromptHeatmapHead: dims={dims}; expected a multiple of 4 and of '
                f'num_heads={num_heads}'
            )
        self.num_prompts = num_prompts
        self.dims = dims
        self.activation = activation
        self.token_levels = tuple(token_levels)
        tokens = num_prompts + (num_sinks if activation == 'softmax' else 0)
        self.prompts = nn.Parameter(torch.randn(tokens, dims))
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(
                dims,
                num_heads,
                feedforward or 4 * dims,
                dropout=0.0,
                activation='gelu',
                batch_first=True,
                norm_first=True,
            )
            for _ in range(num_layers)
        )
        self.token_projections = nn.ModuleList(
            nn.Conv2d(channels, dims, 1) for channels in (token_channels if num_layers else ())
        )
        self.norm = nn.LayerNorm(dims)
        self.prompt_projection = nn.Linear(dims, dims, bias=False)
        self.map_projection = nn.Conv2d(in_channels, dims, 1)
        if activation == 'sigmoid':
            self.bias = nn.Parameter(torch.tensor(float(init_bias)))

    def forward(
        self, features: Tensor, levels: Sequence[Tensor], prompt_maps: Tensor | None = None
    ) -> Tensor:
        """Heatmaps (B, N, h, w) in [0, 1].

        Args:
            features (Tensor): (B, C, h, w).
            levels (Sequence[Tensor]): The backbone's maps.
            prompt_maps (Tensor | None): Maps of a backbone with prompts of its own; not used.
        """
        cells = self.map_projection(features)
        projected = self.prompt_projection(self.decode(levels, features.shape[0]))
        logits = (projected @ cells.flatten(2)).unflatten(-1, cells.shape[-2:])
        logits = logits / math.sqrt(self.dims)
        if self.activation == 'sigmoid':
            return (logits + self.bias).sigmoid()
        return logits.softmax(dim=1)[:, : self.num_prompts]

    def decode(self, levels: Sequence[Tensor], batch: int) -> Tensor:
        """The prompts (B, tokens, d) after the decoder."""
        prompts = self.prompts.expand(batch, -1, -1)
        if self.layers:
            image = self._image_tokens(levels)
            for layer in self.layers:
                prompts = layer(prompts, image)
        return self.norm(prompts)

    def _image_tokens(self, levels: Sequence[Tensor]) -> Tensor:
        tokens = []
        for index, projection in zip(self.token_levels, self.token_projections, strict=True):
            token = projection(levels[index])
            place = cell_centres(*token.shape[-2:], token.device)
            tokens.append(token.flatten(2).mT + sine_encoding(place, self.dims).to(token))
        return torch.cat(tokens, dim=1)


@MODELS.register_module()
class PromptMapHead(BaseModule):
    """Heatmaps of prompts that live in the backbone, as attention maps of a diffusion model.

    The backbone's output has ``prompt_maps`` (B, N + sinks, R, R); here the sinks are dropped and
    the maps brought to the feature map's size. There is nothing to learn.

    Args:
        num_prompts (int): N; the maps after the first N are sinks.
        init_cfg (dict | None): Initialisation.

    Raises:
        ValueError: If the backbone gives no maps, or fewer than N.
    """

    def __init__(self, num_prompts: int = 100, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.num_prompts = num_prompts

    def forward(
        self, features: Tensor, levels: Sequence[Tensor], prompt_maps: Tensor | None = None
    ) -> Tensor:
        """Heatmaps (B, N, h, w) in [0, 1] from the backbone's, at the size of the features."""
        if prompt_maps is None:
            raise ValueError(
                'PromptMapHead takes the prompt_maps of a backbone with prompts, such as '
                'DiffusersUNetBackbone, but this one gives none; use PromptHeatmapHead'
            )
        if prompt_maps.shape[1] < self.num_prompts:
            raise ValueError(
                f'the backbone gives {prompt_maps.shape[1]} prompt maps; expected at least '
                f'PromptMapHead.num_prompts={self.num_prompts}'
            )
        maps = prompt_maps[:, : self.num_prompts]
        if maps.shape[-2:] == features.shape[-2:]:
            return maps
        return F.interpolate(maps, size=features.shape[-2:], mode='bilinear', align_corners=False)
