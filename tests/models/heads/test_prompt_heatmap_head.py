import math

import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS

from kpt_plugins.models.layers.similarity_proposal import cell_centres
from kpt_plugins.models.layers.sine_encoding import sine_encoding

B, N, C, D, H, W = 2, 5, 8, 12, 10, 14


def build(**kwargs):
    torch.manual_seed(0)
    config = dict(
        type='PromptHeatmapHead',
        in_channels=C,
        token_channels=[6, 10],
        token_levels=(1, -1),
        num_prompts=N,
        dims=D,
        num_heads=2,
        num_layers=2,
        num_sinks=3,
    )
    return MODELS.build({**config, **kwargs})


def inputs(batch=B):
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(batch, C, H, W, generator=generator)
    levels = [
        torch.randn(batch, c, 12 >> i, 8 >> i, generator=generator)
        for i, c in enumerate([4, 6, 10])
    ]
    return features, levels


def test_logits_are_products_of_prompts_and_features():
    head = build()
    features, levels = inputs()
    prompts = head.decode(levels, B)
    result = head(features, levels)
    assert result.shape == (B, N, H, W)
    for b in range(B):
        cells = head.map_projection(features[b : b + 1])[0]
        for n in range(N):
            product = torch.einsum('d,dhw->hw', head.prompt_projection(prompts[b, n]), cells)
            expected = torch.sigmoid(product / math.sqrt(D) - 3)
            torch.testing.assert_close(result[b, n], expected)


def test_tokens_are_the_levels_with_their_place():
    head = build()
    _, levels = inputs()
    tokens = head._image_tokens(levels)
    expected = []
    for level, projection in zip((levels[1], levels[2]), head.token_projections, strict=True):
        place = sine_encoding(cell_centres(*level.shape[-2:]), D)
        linear = F.linear(level.flatten(2).mT, projection.weight.flatten(1), projection.bias)
        expected.append(linear + place)
    torch.testing.assert_close(tokens, torch.cat(expected, dim=1))
    assert tokens.shape[1] == 6 * 4 + 3 * 2


def test_starts_with_empty_maps():
    assert build()(*inputs()).max() < 0.5
    assert build(init_bias=0.0)(*inputs()).max() > 0.5


def test_prompts_look_at_the_image_unless_there_are_no_layers():
    features, levels = inputs()
    for layers in (0, 1):
        head = build(num_layers=layers)
        prompts = head.decode(levels, B)
        assert torch.allclose(prompts[0], prompts[1]) == (layers == 0)
    # without layers there are no tokens, and levels of any kind will do
    head = build(num_layers=0, token_channels=())
    assert head(features, ()).shape == (B, N, H, W)
    assert not any('token' in name for name, _ in head.named_parameters())


def test_softmax_shares_every_cell_among_prompts_and_sinks():
    head = build(activation='softmax')
    result = head(*inputs())
    assert result.shape == (B, N, H, W) and len(head.prompts) == N + 3
    total = result.sum(dim=1)
    assert (total < 1).all() and (total > 0).all()
    without = build(activation='softmax', num_sinks=0)(*inputs()).sum(dim=1)
    torch.testing.assert_close(without, torch.ones(B, H, W))


@pytest.mark.parametrize('activation', ['sigmoid', 'softmax'])
@pytest.mark.parametrize('layers', [0, 2])
def test_everything_learns(activation, layers):
    head = build(activation=activation, num_layers=layers)
    features, levels = inputs()
    head(features.requires_grad_(), levels).square().sum().backward()
    missing = [name for name, p in head.named_parameters() if p.grad is None or not p.grad.any()]
    # a softmax over keys does not see a constant added to them
    assert all('in_proj_bias' in name for name in missing)
    assert features.grad.any()


def test_images_do_not_mix():
    head = build()
    features, levels = inputs()
    alone = head(features[:1], [level[:1] for level in levels])
    torch.testing.assert_close(alone, head(features, levels)[:1])


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(activation='relu'), "activation is 'relu'"),
        (dict(num_prompts=0), 'num_prompts is 0'),
        (dict(token_channels=[6]), r'token_channels=\[6\] but token_levels=\[1, -1\]'),
        (dict(dims=10), 'dims=10; expected a multiple of 4'),
        (dict(num_heads=5), 'dims=12; expected a multiple of 4 and of num_heads=5'),
    ],
)
def test_bad_options(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


class TestPromptMapHead:
    def test_drops_sinks_and_takes_the_size_of_the_features(self):
        head = MODELS.build(dict(type='PromptMapHead', num_prompts=3))
        maps = torch.rand(B, 5, 7, 7)
        result = head(torch.rand(B, C, 14, 14), [], maps)
        expected = F.interpolate(maps, size=(14, 14), mode='bilinear', align_corners=False)
        torch.testing.assert_close(result, expected[:, :3])
        same = head(torch.rand(B, C, 7, 7), [], maps)
        assert torch.equal(same, maps[:, :3])
        assert not list(head.parameters())

    def test_needs_maps(self):
        head = MODELS.build(dict(type='PromptMapHead', num_prompts=6))
        with pytest.raises(ValueError, match='this one gives none; use PromptHeatmapHead'):
            head(torch.rand(B, C, 7, 7), [])
        with pytest.raises(ValueError, match='gives 5 prompt maps; expected at least'):
            head(torch.rand(B, C, 7, 7), [], torch.rand(B, 5, 7, 7))
