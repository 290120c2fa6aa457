"""The read-out against loops and against diffusers' own attention."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

pytest.importorskip('diffusers', reason='diffusers, an optional extra, is not installed')

from diffusers import UNet2DConditionModel  # noqa: E402
from diffusers.models.attention_processor import Attention  # noqa: E402

from kpt_plugins.models.backbones.attention_readout import (  # noqa: E402
    RecordingProcessor,
    attention_maps,
    readout_layers,
)

SD15 = dict(
    sample_size=64,
    block_out_channels=(320, 640, 1280, 1280),
    cross_attention_dim=768,
    attention_head_dim=8,
)


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return Attention(query_dim=12, cross_attention_dim=10, heads=3, dim_head=4)


def sd15(**options) -> UNet2DConditionModel:
    with torch.device('meta'):
        return UNet2DConditionModel(**SD15 | options)


def test_maps_are_those_of_loops(layer):
    """The input enlarged first, as in the paper; then head by head and pixel by pixel."""
    tokens = torch.randn(5, 10)
    hidden = torch.randn(2, 3 * 4, 12)
    maps = attention_maps(layer, hidden, tokens, (3, 4), (6, 7))
    assert maps.shape == (2, 5, 6, 7)
    grid = hidden.transpose(1, 2).reshape(2, 12, 3, 4)
    grid = F.interpolate(grid, (6, 7), mode='bicubic', align_corners=False)
    keys = layer.to_k(tokens).reshape(5, 3, 4)
    for image in range(2):
        for y in range(6):
            for x in range(7):
                query = layer.to_q(grid[image, :, y, x]).reshape(3, 4)
                expected = torch.zeros(5)
                for head in range(3):
                    expected += (keys[:, head] @ query[head] / 4**0.5).softmax(0) / 3
                torch.testing.assert_close(maps[image, :, y, x], expected)


def test_at_the_own_size_maps_are_diffusers_probabilities(layer):
    tokens, hidden = torch.randn(5, 10), torch.randn(2, 12, 12)
    query = layer.head_to_batch_dim(layer.to_q(hidden))
    key = layer.head_to_batch_dim(layer.to_k(tokens.expand(2, -1, -1)))
    scores = layer.get_attention_scores(query, key)  # (2 * 3, 12, 5)
    expected = scores.reshape(2, 3, 12, 5).mean(1).transpose(1, 2).reshape(2, 5, 3, 4)
    torch.testing.assert_close(attention_maps(layer, hidden, tokens, (3, 4), (3, 4)), expected)


def test_maps_have_gradients_to_tokens_and_input(layer):
    layer.double()
    tokens = torch.randn(3, 10, dtype=torch.double, requires_grad=True)
    hidden = torch.randn(1, 4, 12, dtype=torch.double, requires_grad=True)
    layer.requires_grad_(False)
    # the softmax is computed in single precision; a coarse check is enough to see a wrong sign
    torch.autograd.gradcheck(
        lambda t, h: attention_maps(layer, h, t, (2, 2), (3, 3)),
        (tokens, hidden),
        eps=1e-3,
        atol=1e-3,
        rtol=1e-2,
    )


def test_recorder_changes_nothing_and_forgets(layer):
    hidden, tokens = torch.randn(2, 12, 12), torch.randn(2, 5, 10)
    expected = layer(hidden, tokens)
    recorder = RecordingProcessor(layer.processor)
    layer.set_processor(recorder)
    torch.testing.assert_close(layer(hidden, tokens), expected, rtol=0, atol=0)
    assert recorder.take() is hidden
    assert recorder.hidden_states is None


def test_layers_of_stable_diffusion():
    """Layers 7 to 10 of the paper, with the strides of 16 and 32 pixels in 64."""
    ends = 'transformer_blocks.0.attn2.processor'
    assert readout_layers(sd15(), max_res=32, n_layers=4) == {
        f'up_blocks.1.attentions.0.{ends}': 4,
        f'up_blocks.1.attentions.1.{ends}': 4,
        f'up_blocks.1.attentions.2.{ends}': 4,
        f'up_blocks.2.attentions.0.{ends}': 2,
    }
    assert len(readout_layers(sd15(), max_res=16, n_layers=4)) == 3
    assert len(readout_layers(sd15(), max_res=64, n_layers=99)) == 9
    # 24 pixels at 96: those at 48 are too fine
    assert set(readout_layers(sd15(sample_size=96), max_res=32, n_layers=4).values()) == {4}


def test_no_layer_is_an_error():
    with pytest.raises(ValueError, match=r'max_res=8: .*at most 8 pixels.*have \[16, 32, 64\]'):
        readout_layers(sd15(), max_res=8, n_layers=4)
    blocks = dict(
        down_block_types=('DownBlock2D',) * 4,
        up_block_types=('UpBlock2D',) * 4,
    )
    with pytest.raises(ValueError, match='it has none of any size there'):
        readout_layers(sd15(**blocks), max_res=32, n_layers=4)


def test_memory_is_that_of_the_formula():
    """B * heads * R^2 * tokens * 4 bytes of probabilities are kept for the backward pass."""
    torch.manual_seed(0)
    batch, heads, side, tokens = 2, 4, 24, 29
    layer = Attention(query_dim=16, cross_attention_dim=10, heads=heads, dim_head=4)
    layer.requires_grad_(False)
    prompts = nn.Parameter(torch.randn(tokens, 10))
    kept: dict[int, int] = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        maps = attention_maps(layer, torch.randn(batch, 36, 16), prompts, (6, 6), (side, side))
    formula = batch * heads * side**2 * tokens * 4
    largest = max(kept.values())
    assert largest == formula
    # beside them the enlarged queries, (B, C, R, R)
    assert sum(kept.values()) <= formula + 3 * batch * 16 * side**2 * 4
    assert maps.requires_grad
