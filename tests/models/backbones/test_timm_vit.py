"""Vision transformers of timm as backbones; all without a network."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest
import torch
from mmpose.registry import MODELS

from kpt_plugins.models.backbones import TimmViTBackbone

needs_timm = pytest.mark.skipif(
    find_spec('timm') is None, reason='timm, an optional extra, is not installed'
)
NAME = 'vit_tiny_patch16_224'
DINO = 'vit_small_patch14_dinov2.lvd142m'


def build(**options) -> TimmViTBackbone:
    torch.manual_seed(0)
    settings = dict(model_name=NAME, pretrained=False, img_size=64) | options
    return MODELS.build(dict(type='TimmViTBackbone', **settings))


def test_without_timm_the_message_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(ImportError, match='needs the package timm: pip install timm, or the extra'):
        build()


@needs_timm
def test_dinov2():
    backbone = build(model_name=DINO, img_size=56)
    levels = backbone(torch.rand(2, 3, 42, 70))
    assert [tuple(level.shape) for level in levels] == [(2, 384, 3, 5)] * 4
    assert backbone.out_channels == [384] * 4


@needs_timm
def test_levels_are_the_normed_outputs_of_the_blocks():
    backbone = build(out_indices=(1, 7))
    outputs = {}
    for index in (1, 7):
        block = backbone.model.blocks[index]
        block.register_forward_hook(lambda m, i, o, index=index: outputs.update({index: o}))
    levels = backbone(torch.rand(1, 3, 64, 48))
    for level, index in zip(levels, (1, 7), strict=True):
        tokens = backbone.model.norm(outputs[index])[:, 1:]  # without the class token
        for y in range(4):
            for x in range(3):
                torch.testing.assert_close(level[0, :, y, x], tokens[0, 3 * y + x])


@needs_timm
def test_frozen_keeps_no_graph_and_stays_in_evaluation_mode():
    backbone = build().train()
    assert backbone.training and not any(m.training for m in backbone.model.modules())
    assert not any(p.requires_grad for p in backbone.parameters())
    images = torch.rand(1, 3, 64, 64, requires_grad=True)
    assert not any(level.requires_grad for level in backbone(images))


@needs_timm
def test_unfrozen_learns():
    backbone = build(frozen=False).train()
    assert all(m.training for m in backbone.model.modules())
    sum(level.square().sum() for level in backbone(torch.rand(1, 3, 64, 64))).backward()
    assert backbone.model.patch_embed.proj.weight.grad.abs().sum() > 0


@needs_timm
@pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
def test_pretrained_from_a_file_when_training_starts(tmp_path, suffix):
    """The file is of another image size: its position embedding is interpolated."""
    import timm
    from safetensors.torch import save_file

    torch.manual_seed(5)
    state = timm.create_model(NAME, num_classes=10, img_size=32).state_dict()
    path = tmp_path / f'weights.{suffix}'
    torch.save(state, path) if suffix == 'pth' else save_file(state, path)
    backbone = build(pretrained=str(path))
    weight = backbone.model.blocks[3].attn.qkv.weight
    assert (weight - state['blocks.3.attn.qkv.weight']).abs().max() > 1e-3  # not read yet
    backbone.init_weights()
    weight = backbone.model.blocks[3].attn.qkv.weight
    torch.testing.assert_close(weight, state['blocks.3.attn.qkv.weight'], rtol=0, atol=0)
    assert backbone.model.pos_embed.shape[1] == 1 + 16
    assert not any(p.requires_grad for p in backbone.parameters())
    weight.zero_()
    backbone.init_weights()  # once only, as everywhere in MMEngine
    assert not weight.any()


@needs_timm
def test_init_weights_without_pretrained_leaves_the_weights():
    """timm's own init_weights, which MMEngine would find, draws new ones."""
    backbone = build()
    before = backbone.model.blocks[0].attn.qkv.weight.clone()
    torch.nn.ModuleList([backbone])  # as a child, too
    backbone.init_weights()
    torch.testing.assert_close(backbone.model.blocks[0].attn.qkv.weight, before, rtol=0, atol=0)


@needs_timm
def test_checkpoints_are_complete():
    backbone = build().eval()
    other = build().eval()
    other.model.norm.weight.data += 1
    other.load_state_dict(backbone.state_dict())
    images = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(other(images), backbone(images))


@needs_timm
def test_no_network(monkeypatch):
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    backbone = build(model_name=DINO, pretrained=True, img_size=None)
    with pytest.raises(OSError, match='weights of .*dinov2.lvd142m could not be downloaded'):
        backbone.init_weights()


@needs_timm
def test_a_file_of_another_model(tmp_path):
    """timm alone takes what there is and leaves the rest random."""
    import timm

    smaller = timm.create_model(NAME, img_size=64, depth=11).state_dict()
    other = timm.create_model('vit_small_patch16_224', img_size=64, depth=12).state_dict()
    for content, reason in (
        (smaller, '12 of its parameters are missing, e.g. blocks.11'),
        (other, 'size mismatch'),
        ({'conv.weight': torch.zeros(1)}, 'missing, e.g. cls_token'),
        ([1, 2], ''),
    ):
        path = tmp_path / 'other.pth'
        torch.save(content, path)
        backbone = build(pretrained=str(path))
        with pytest.raises(ValueError, match=f'other.pth has not the weights of {NAME}.*{reason}'):
            backbone.init_weights()


@needs_timm
@pytest.mark.parametrize(
    ('options', 'error', 'message'),
    [
        (dict(pretrained='no.pth'), FileNotFoundError, "pretrained='no.pth': there is no such"),
        (dict(model_name='vit_tiny_patch16_225'), ValueError, 'no such model; it has .*vit_tiny'),
        (dict(model_name='resnet18'), ValueError, "'resnet18' is no vision transformer whose"),
        (dict(out_indices=(3, 12)), ValueError, r'out_indices=\(3, 12\); expected .* 0 to 11'),
        (dict(out_indices=(5, 2)), ValueError, r'out_indices=\(5, 2\); expected .* rising order'),
        (dict(out_indices=()), ValueError, r'out_indices=\(\)'),
        (dict(out_indices=(-1,)), ValueError, r'out_indices=\(-1,\)'),
    ],
)
def test_wrong_options(options, error, message):
    with pytest.raises(error, match=message):
        build(**options)


@needs_timm
def test_wrong_image_size():
    with pytest.raises(ValueError, match=r'images are \(64, 65\); .* multiples of its patch'):
        build()(torch.rand(1, 3, 64, 65))
