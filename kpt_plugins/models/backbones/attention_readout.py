"""Attention maps of a diffusion UNet's tokens, recomputed at a resolution of our choice.

Source: StableKeypoints (Hedlin et al., CVPR 2024), section on attention maps: cross-attention of
the decoder's coarse layers, the layer's input enlarged first, softmax over the tokens, mean over
heads and layers. Written for diffusers' attention processors.
"""

from __future__ import annotations

import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CROSS_ATTENTION = re.compile(
    r'up_blocks\.(\d+)\.attentions\.(\d+)\.transformer_blocks\.(\d+)\.attn2\.processor'
)


class RecordingProcessor:
    """An attention processor that keeps the layer's input and leaves the work to another one.

    The default processors never form the attention probabilities, and at the layer's own
    resolution they would be too coarse; from the input they can be computed afterwards.

    Args:
        processor: The layer's own processor.
    """

    def __init__(self, processor: object) -> None:
        self.processor = processor
        self.hidden_states: Tensor | None = None

    def __call__(self, attn: nn.Module, hidden_states: Tensor, *args, **kwargs) -> Tensor:
        self.hidden_states = hidden_states
        return self.processor(attn, hidden_states, *args, **kwargs)

    def take(self) -> Tensor:
        """The input (B, pixels, C) of the last pass, which is then forgotten."""
        hidden_states, self.hidden_states = self.hidden_states, None
        return hidden_states


def readout_layers(unet: nn.Module, max_res: int, n_layers: int) -> dict[str, int]:
    """Choose the cross-attention layers that are read out.

    Those of the decoder whose maps have at most ``max_res`` pixels a side when the UNet works at
    its nominal size (``config.sample_size``), coarsest first, at most ``n_layers``: for Stable
    Diffusion 1.5 with 32 and 4 the paper's "layers 7 to 10".

    Returns:
        dict[str, int]: Processor name -> stride of the layer's map in latent pixels.

    Raises:
        ValueError: If no layer is left.
    """
    nominal = unet.config.sample_size
    nominal = nominal if isinstance(nominal, int) else max(nominal)
    num_blocks = len(unet.up_blocks)
    found = {}
    sides = []
    for name in unet.attn_processors:
        if match := CROSS_ATTENTION.fullmatch(name):
            position = tuple(map(int, match.groups()))
            stride = 2 ** (num_blocks - 1 - position[0])
            sides.append(nominal // stride)
            if nominal // stride <= max_res:
                found[position] = (name, stride)
    if not found:
        what = f'its cross-attention layers have {sorted(set(sides))} pixels a side'
        raise ValueError(
            f'max_res={max_res}: the UNet has no cross-attention layer of at most {max_res} pixels '
            f'a side in its up_blocks; {what if sides else "it has none of any size there"}'
        )
    return dict(found[position] for position in sorted(found)[:n_layers])


def attention_maps(
    attn: nn.Module, hidden_states: Tensor, tokens: Tensor, size: tuple[int, int], out_size
) -> Tensor:
    """Attention of a layer's enlarged input to tokens.

    Enlarging and projecting are both linear and the interpolation's weights sum to 1, so the
    queries are enlarged rather than the input: the same maps for less work.

    Args:
        attn: The layer, a diffusers ``Attention``.
        hidden_states (Tensor): The layer's input (B, h * w, C).
        tokens (Tensor): (N, D).
        size (tuple[int, int]): (h, w) of the input.
        out_size (tuple[int, int]): (H, W) of the maps.

    Returns:
        Tensor: (B, N, H, W), sums to 1 over N; mean over the layer's heads.
    """
    query = attn.to_q(hidden_states).transpose(1, 2).unflatten(2, size)
    query = F.interpolate(query, out_size, mode='bicubic', align_corners=False)
    key = attn.to_k(tokens)
    query = query.flatten(2).unflatten(1, (attn.heads, -1)).transpose(2, 3)
    key = key.unflatten(1, (attn.heads, -1)).permute(1, 2, 0)
    scores = torch.matmul(query * attn.scale, key)
    probabilities = scores.float().softmax(-1)
    return probabilities.mean(1).transpose(1, 2).unflatten(2, out_size)
