"""Released FMMP parameters do here what they did there; MMPose 0.x ones are all taken over."""

import math
import re

import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS

from kpt_plugins.apis.checkpoint_conversion import convert_checkpoint, convert_fmmp
from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.models.layers.deformable_sampling import Tokens
from kpt_plugins.models.layers.feature_miner import FeatureMiner
from tests import tiny_exports as tiny

PUBLISHED = dict(
    dims=256,
    layers=3,
    branches=8,
    heads=8,
    points=4,
    channels=(2048, 1024, 512),
    stem=dict(type='ResNet', depth=50, out_indices=(1, 2, 3)),
)


def linear(out, into):
    return dict(weight=(out, into), bias=(out,))


def norm(dims):
    return dict(weight=(dims,), bias=(dims,))


def miner_shapes(dims, branches, heads, levels, points):
    """The parameters of one layer of the released code, by name."""
    sampled = heads * levels * points
    attention = {
        'sampling_offsets': linear(2 * sampled, dims),
        'attention_weights': linear(sampled, dims),
        'value_proj': linear(dims, dims),
        'output_proj': linear(dims, dims),
    }
    parts = {
        'self_attn.out_proj': linear(dims, dims),
        'deform_attn.projector.0': linear(dims, (branches - 1) * dims),
        **{f'{p}linear{n}': linear(dims, dims) for p in ('self_', '') for n in (1, 2)},
        **{f'{p}norm{n}': norm(dims) for p in ('self_', '') for n in (1, 2)},
        **{
            f'deform_attn.attn_layers.{branch}.{name}': shapes
            for branch in range(branches)
            for name, shapes in attention.items()
        },
    }
    flat = {f'{part}.{name}': s for part, shapes in parts.items() for name, s in shapes.items()}
    return {
        **flat,
        'self_attn.in_proj_weight': (3 * dims, dims),
        'self_attn.in_proj_bias': (3 * dims,),
    }


def released_state(dims, layers, branches, heads, points, channels, stem):
    """A state dict of random numbers with the names and shapes of the released code."""
    shapes = {}
    for level, channel in enumerate(channels):
        shapes[f'backbone_projs.{level}.0.weight'] = (dims, channel, 1, 1)
        shapes[f'backbone_projs.{level}.0.bias'] = (dims,)
    for number in range(2):
        for name, shape in linear(dims, dims).items():
            shapes[f'predictor.pos_embed_proj.layers.{number}.{name}'] = shape
    for layer in range(layers):
        for place in (0, 2, 4, 6):
            for name, shape in linear(2 if place == 6 else dims, dims).items():
                shapes[f'predictor.kpt_branch.{layer}.mlp.{place}.{name}'] = shape
        for kind in ('support_layers', 'decoder_layers'):
            own = miner_shapes(dims, branches, heads, len(channels), points)
            shapes.update({f'predictor.{kind}.{layer}.{n}': s for n, s in own.items()})
    generator = torch.Generator().manual_seed(0)
    state = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    backbone = MODELS.build(dict(stem, _scope_='mmpose')).state_dict()
    return {**{f'backbone.{name}': value for name, value in backbone.items()}, **state}


def test_published_shapes_fill_the_whole_model():
    cfg = load_config('fmmp_mp100_split1')
    model = build_model(cfg)
    state = released_state(**PUBLISHED)
    converted = convert_fmmp(state)
    model.load_state_dict(converted)
    assert sum(value.numel() for value in converted.values()) == sum(
        value.numel() for value in state.values()
    )
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == 40_944_710  # the specification's count


def slow_miner(state, features, position, points, references, maps, heads, samples):
    """The released layer, branch by branch and head by head."""
    dims = features.shape[-1]
    query = features + position
    attended, _ = F.multi_head_attention_forward(
        *(query.transpose(0, 1), query.transpose(0, 1), features.transpose(0, 1), dims, heads),
        *(state['self_attn.in_proj_weight'], state['self_attn.in_proj_bias'], None, None, False),
        *(0.0, state['self_attn.out_proj.weight'], state['self_attn.out_proj.bias']),
        training=False,
    )

    def apply(name, x):
        return F.linear(x, state[f'{name}.weight'], state[f'{name}.bias'])

    def normalise(name, x):
        return F.layer_norm(x, (dims,), state[f'{name}.weight'], state[f'{name}.bias'])

    x = normalise('self_norm1', features + attended.transpose(0, 1))
    x = normalise('self_norm2', x + apply('self_linear2', apply('self_linear1', x).relu()))
    query = x + position
    number = references.shape[-1]
    found = [
        slow_branch(
            lambda name, y, b=b: apply(f'deform_attn.attn_layers.{b}.{name}', y),
            *(query, points.gather(1, references[..., b, None].expand(-1, -1, 2)), maps),
            *(heads, samples),
        )
        for b in range(number)
    ]
    side = apply('deform_attn.projector.0', torch.cat(found[1:], -1)).relu()
    x = normalise('norm1', x + found[0] + side)
    return normalise('norm2', x + apply('linear2', apply('linear1', x).relu()))


def slow_branch(apply, query, origin, maps, heads, samples):
    batch, size, dims = query.shape
    levels = len(maps)
    offsets = apply('sampling_offsets', query).view(batch, size, heads, levels, samples, 2)
    weights = apply('attention_weights', query).view(batch, size, heads, -1).softmax(-1)
    weights = weights.view(batch, size, heads, levels, samples)
    out = query.new_zeros(batch, size, heads, dims // heads)
    for t, level in enumerate(maps):
        values = apply('value_proj', level.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        cells = torch.tensor([level.shape[-1], level.shape[-2]])
        for h, head in enumerate(values.chunk(heads, dim=1)):
            for n in range(samples):
                grid = 2 * (origin + offsets[:, :, h, t, n] / cells) - 1
                taken = F.grid_sample(head, grid[:, :, None], align_corners=False)[..., 0]
                out[:, :, h] += weights[:, :, h, t, n, None] * taken.transpose(1, 2)
    return apply('output_proj', out.flatten(2))


def test_a_converted_layer_computes_the_same():
    dims, branches, heads, levels, samples = 8, 3, 2, 2, 2
    generator = torch.Generator().manual_seed(1)
    state = {
        name: torch.randn(shape, generator=generator) / math.sqrt(dims)
        for name, shape in miner_shapes(dims, branches, heads, levels, samples).items()
    }
    converted = convert_fmmp({f'predictor.decoder_layers.0.{k}': v for k, v in state.items()})
    miner = FeatureMiner(dims, heads, levels, samples, branches).eval()
    prefix = 'head.query_miners.0.'
    miner.load_state_dict({k.removeprefix(prefix): v for k, v in converted.items()})

    features, position = torch.randn(2, 2, 5, dims, generator=generator)
    points = torch.rand(2, 5, 2, generator=generator)
    references = torch.randint(5, (2, 5, branches), generator=generator)
    maps = [torch.randn(2, dims, 3, 4, generator=generator)]
    maps.append(torch.randn(2, dims, 6, 8, generator=generator))
    found = miner(features, position, points, references, Tokens.from_maps(maps))
    expected = slow_miner(state, features, position, points, references, maps, heads, samples)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_pyramid_order():
    state = {f'backbone_projs.{i}.0.weight': torch.zeros(4, c, 1, 1) for i, c in enumerate((9, 5))}
    converted = convert_fmmp(state)
    shapes = {name: len(value[0]) for name, value in converted.items()}
    assert shapes == {'neck.laterals.1.weight': 9, 'neck.laterals.0.weight': 5}


def test_unknown_parameters_are_listed():
    state = {
        'predictor.joint_encoder_layers.0.norm.weight': torch.zeros(1),
        'predictor.decoder_layers.0.extra.bias': torch.zeros(1),
    }
    with pytest.raises(ValueError, match='2 parameters') as error:
        convert_fmmp(state, 'released.pth')
    for name in ('released.pth', *state):
        assert name in str(error.value)


OLD = dict(tiny.HEATMAP, head=dict(tiny.HEATMAP['head'], conv_out_channels=(8,)))
OLD['head']['conv_kernel_sizes'] = (1,)


def old_names(state):
    """As MMPose 0.x names the parameters of a head with a convolution before the last one."""
    state = {key.replace('head.', 'keypoint_head.'): value for key, value in state.items()}
    state = {re.sub(r'\.final_layer\.', '.final_layer.3.', k): v for k, v in state.items()}
    return {key.replace('.conv_layers.', '.final_layer.'): value for key, value in state.items()}


@pytest.fixture
def old(tmp_path):
    """Config, model and 0.x state dict of one detector."""
    cfg = tiny.detector_config(OLD)
    model = tiny.build(cfg)
    return cfg, model, old_names(model.state_dict())


def test_mmpose_0x(old, tmp_path):
    cfg, model, state = old
    assert 'keypoint_head.final_layer.3.weight' in state
    torch.save(dict(state_dict=state, meta=dict(mmpose_version='0.28.1')), tmp_path / 'old.pth')
    note = convert_checkpoint(cfg, tmp_path / 'old.pth', tmp_path / 'new.pth')
    assert 'MMPose 1.x' in note
    found = torch.load(tmp_path / 'new.pth', weights_only=True)['state_dict']
    expected = model.state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_problems_are_listed(old, tmp_path):
    cfg, _, state = old
    state['keypoint_head.other.weight'] = torch.zeros(1)
    state['associated.bias'] = torch.zeros(1)
    del state['backbone.conv1.weight']
    torch.save(state, tmp_path / 'old.pth')
    with pytest.raises(ValueError, match='unknown parameters') as error:
        convert_checkpoint(cfg, tmp_path / 'old.pth', tmp_path / 'new.pth')
    for name in ('head.other.weight', 'associated.bias', 'missing parameters: backbone.conv1.w'):
        assert name in str(error.value)
    assert not (tmp_path / 'new.pth').exists()


def test_other_shapes(old, tmp_path):
    cfg, _, state = old
    state['backbone.conv1.weight'] = torch.zeros(1)
    torch.save(state, tmp_path / 'old.pth')
    with pytest.raises(ValueError, match='size mismatch for backbone.conv1.weight'):
        convert_checkpoint(cfg, tmp_path / 'old.pth', tmp_path / 'new.pth')


def test_other_checkpoints(old, tmp_path):
    cfg, model, _ = old
    torch.save(model.state_dict(), tmp_path / 'own.pth')
    with pytest.raises(ValueError, match='begin with backbone, head'):
        convert_checkpoint(cfg, tmp_path / 'own.pth', tmp_path / 'new.pth')


def test_place_that_cannot_be_written(old, tmp_path):
    cfg, _, state = old
    torch.save(state, tmp_path / 'old.pth')
    with pytest.raises(ValueError, match='cannot be written'):
        convert_checkpoint(cfg, tmp_path / 'old.pth', tmp_path / 'old.pth' / 'new.pth')
