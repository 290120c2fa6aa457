"""The diffusion backbone on a tiny model with random weights, saved as a folder and loaded."""

from __future__ import annotations

import copy

import pytest
import torch
from mmengine.runner.checkpoint import get_state_dict
from mmengine.runner.checkpoint import load_state_dict as load_leniently
from mmpose.registry import MODELS

pytest.importorskip('diffusers', reason='diffusers, an optional extra, is not installed')

from kpt_plugins.models.backbones import DiffusersUNetBackbone, PromptedFeatures  # noqa: E402
from tests.models.backbones.tiny_diffusion import DEEP, WIDTH, write_diffusion  # noqa: E402

PROMPTS, SINKS = 6, 3


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_diffusion(tmp_path_factory.mktemp('tiny'))


@pytest.fixture(scope='module')
def deep(tmp_path_factory):
    return write_diffusion(tmp_path_factory.mktemp('deep'), DEEP)


def build(folder, **options) -> DiffusersUNetBackbone:
    torch.manual_seed(1)
    settings = dict(num_prompts=PROMPTS, num_sinks=SINKS, map_size=16) | options
    return MODELS.build(dict(type='DiffusersUNetBackbone', model=str(folder), **settings))


def images(batch=2, height=32, width=32):
    generator = torch.Generator().manual_seed(2)
    return 2 * torch.rand(batch, 3, height, width, generator=generator) - 1


def test_levels_and_maps(deep):
    backbone = build(deep, map_size=(20, 24))
    features = backbone(images(2, 32, 48))
    assert isinstance(features, PromptedFeatures)
    sizes = [(16, 24), (8, 12), (4, 6), (2, 3)]  # finest first, two blocks a level
    assert [level.shape[-2:] for level in features] == [s for s in sizes for _ in range(2)]
    assert [level.shape[1] for level in features] == backbone.out_channels
    maps = features.prompt_maps
    assert maps.shape == (2, PROMPTS + SINKS, 20, 24)
    torch.testing.assert_close(maps.sum(1), torch.ones(2, 20, 24))
    assert maps.std(dim=1).min() > 1e-4  # not uniform


def test_sides_that_the_unet_halves_unevenly(deep):
    """22 x 30 pixels are 11 x 15 latents: 6 x 8 and 3 x 4 in the layers that are read out."""
    features = build(deep).eval()(images(1, 22, 30))
    assert features[0].shape[-2:] == (11, 15)
    assert features.prompt_maps.shape == (1, PROMPTS + SINKS, 16, 16)


def test_feature_layers_are_taken_as_given(deep):
    everything = build(deep).eval()
    chosen = build(deep, feature_layers=[(1, 0), (3, 1)]).eval()
    levels = dict(zip(everything.feature_layers, everything(images()), strict=True))
    one, two = chosen(images())
    torch.testing.assert_close(one, levels[1, 0])
    torch.testing.assert_close(two, levels[3, 1])
    assert chosen.out_channels == [32, 16]


def test_the_unet_itself_is_not_changed(folder):
    """With recorders and hooks the UNet predicts what diffusers' own does."""
    from diffusers import UNet2DConditionModel

    backbone = build(folder)
    plain = UNet2DConditionModel.from_pretrained(folder / 'unet', low_cpu_mem_usage=False)
    latents, tokens = torch.randn(2, 4, 16, 16), torch.randn(2, 5, WIDTH)
    with torch.no_grad():
        expected = plain(latents, 7, encoder_hidden_states=tokens).sample
        found = backbone.unet(latents, 7, encoder_hidden_states=tokens).sample
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize('timestep', [0, 1, 300])
def test_noise_is_the_schedulers(folder, timestep):
    from diffusers import AutoencoderKL, DDIMScheduler

    backbone = build(folder, timestep=timestep).eval()
    vae = AutoencoderKL.from_pretrained(folder / 'vae', low_cpu_mem_usage=False)
    scheduler = DDIMScheduler.from_pretrained(folder / 'scheduler')
    with torch.no_grad():
        latents = vae.encode(images(1)).latent_dist.mean * vae.config.scaling_factor
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
    expected = scheduler.add_noise(latents, noise, torch.tensor([timestep]))
    torch.testing.assert_close(backbone._noisy_latents(images(1)), expected)


def test_evaluation_does_not_depend_on_chance_or_on_the_batch(folder):
    backbone = build(folder, timestep=300).eval()
    torch.manual_seed(3)
    batch = backbone(images(3)).prompt_maps
    alone = backbone(images(3)[2:]).prompt_maps
    torch.testing.assert_close(alone[0], batch[2])
    backbone.train()
    first, second = (backbone(images(3)).prompt_maps for _ in range(2))
    assert (first - second).abs().max() > 1e-5


@pytest.mark.parametrize('through', [True, False])
def test_gradients_reach_the_prompts_alone(folder, through):
    backbone = build(folder, grad_through_unet=through)
    features = backbone(images())
    features.prompt_maps[:, :PROMPTS].square().sum().backward()
    assert (backbone.prompts.grad.abs().sum(1) > 0).all()
    assert [n for n, p in backbone.named_parameters() if p.requires_grad] == ['prompts']
    assert all(level.requires_grad == through for level in features)
    if through:
        backbone.prompts.grad = None
        backbone(images())[0].square().sum().backward()
        assert backbone.prompts.grad.abs().sum() > 0


def test_both_ways_of_gradients_give_the_same_maps_and_differ_in_gradients(deep):
    """In the deep UNet prompts also change the inputs of later layers."""
    found = {}
    for through in (True, False):
        backbone = build(deep, grad_through_unet=through).eval()
        features = backbone(images())
        features.prompt_maps[:, 0].square().sum().backward()
        found[through] = (
            features.prompt_maps.detach(),
            features[0].detach(),
            backbone.prompts.grad,
        )
    torch.testing.assert_close(found[True][:2], found[False][:2])
    difference = (found[True][2] - found[False][2]).abs().max()
    assert difference > 1e-3 * found[True][2].abs().max()


def test_less_is_kept_when_gradients_do_not_pass_through_the_unet(deep):
    def kept_bytes(through: bool) -> int:
        backbone = build(deep, grad_through_unet=through)
        kept: dict[int, int] = {}

        def pack(tensor):
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        weights = {p.untyped_storage().data_ptr() for p in backbone.parameters()}
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            features = backbone(images())
        assert features.prompt_maps.requires_grad
        return sum(size for pointer, size in kept.items() if pointer not in weights)

    heads, layers, side = 2, 4, 16
    formula = layers * 2 * heads * side**2 * (PROMPTS + SINKS) * 4
    without, through = kept_bytes(False), kept_bytes(True)
    assert formula < without < through / 2


def test_null_features_do_not_depend_on_the_prompts(folder):
    found = []
    for _ in range(2):
        backbone = build(folder, feature_prompt='null').eval()
        backbone.prompts.data += len(found)
        features = backbone(images())
        assert not any(level.requires_grad for level in features)
        assert features.prompt_maps.requires_grad
        found.append(features)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert (found[0].prompt_maps - found[1].prompt_maps).abs().max() > 1e-4
    shared = build(folder).eval()
    torch.testing.assert_close(shared(images()).prompt_maps, found[0].prompt_maps)
    assert (shared(images())[0] - found[0][0]).abs().max() > 1e-5


def test_nothing_of_a_pass_stays_behind(folder):
    backbone = build(folder)
    backbone(images())
    assert backbone._features == {}
    assert all(recorder.hidden_states is None for _, recorder, _ in backbone._readout)


def test_training_mode_leaves_the_frozen_parts(folder):
    backbone = build(folder).train()
    assert backbone.training
    assert not any(m.training for m in backbone.unet.modules())
    assert not any(m.training for m in backbone.vae.modules())


def test_copies_do_not_share(folder):
    backbone = build(folder).eval()
    double = copy.deepcopy(backbone)
    double.prompts.data += 1
    expected = backbone(images()).prompt_maps
    assert (double(images()).prompt_maps - expected).abs().max() > 1e-4
    double.prompts.data -= 1
    for parameter in backbone.unet.parameters():
        parameter.zero_()
    torch.testing.assert_close(double(images()).prompt_maps, expected, rtol=1e-4, atol=1e-6)


def test_checkpoints_hold_the_prompts_alone_and_load_strictly(folder):
    model = torch.nn.ModuleDict(dict(backbone=build(folder).eval()))
    other = torch.nn.ModuleDict(dict(backbone=build(folder).eval()))
    other['backbone'].prompts.data.zero_()
    for state in (model.state_dict(), get_state_dict(model)):
        assert list(state) == ['backbone.prompts']
        assert state['backbone.prompts'].shape == (PROMPTS + SINKS, WIDTH)
    other.load_state_dict(model.state_dict())  # strict
    torch.testing.assert_close(
        other['backbone'](images()).prompt_maps, model['backbone'](images()).prompt_maps
    )
    assert list(model.state_dict()) == ['backbone.prompts']  # loading left the dict alone


def test_prompts_that_do_not_fit_are_an_error_even_where_loading_is_lenient(folder):
    backbone = build(folder)
    for shape in ((PROMPTS + SINKS, WIDTH + 8), (PROMPTS, WIDTH)):
        with pytest.raises(ValueError, match=rf'prompts are .* \({shape[0]}, {shape[1]}\) in the '):
            load_leniently(backbone, dict(prompts=torch.zeros(shape)))


def test_weights_survive_init_weights(folder):
    backbone = build(folder)
    before = [p.clone() for p in backbone.parameters()]
    backbone.init_weights()
    for old, new in zip(before, backbone.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), old, rtol=0, atol=0)


def test_prompts_learn_to_point(folder):
    """A few steps move a prompt's map towards a place, against its other prompts."""
    backbone = build(folder, grad_through_unet=False).eval()
    optimizer = torch.optim.Adam([backbone.prompts], lr=0.3)
    target = torch.zeros(16, 16, dtype=torch.bool)
    target[2:6, 9:13] = True
    contrasts = []
    for _ in range(12):
        heatmap = backbone(images(1)).prompt_maps[0, 0]
        contrast = heatmap[target].mean() - heatmap[~target].mean()
        optimizer.zero_grad()
        (-contrast).backward()
        optimizer.step()
        contrasts.append(contrast.item())
    assert contrasts[-1] > contrasts[0] + 0.05


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(num_prompts=0), 'num_prompts=0; expected 1 or more'),
        (dict(num_sinks=-1), 'num_sinks=-1; expected 0 or more'),
        (dict(num_layers=0), 'num_layers=0; expected 1 or more'),
        (dict(feature_prompt='none'), "feature_prompt='none'; expected 'shared' or 'null'"),
        (dict(timestep=1000), 'timestep=1000; expected 0 to 999'),
        (dict(timestep=-1), 'timestep=-1; expected 0 to 999'),
        (dict(feature_layers=[(0, 0), (2, 0)]), r'feature_layers: \(2, 0\) is none of'),
        (dict(feature_layers=[]), 'feature_layers is empty'),
        (dict(max_res=4), 'max_res=4: the UNet has no cross-attention layer'),
    ],
)
def test_wrong_options(folder, options, message):
    with pytest.raises(ValueError, match=message):
        build(folder, **options)


def test_wrong_image_size(folder):
    with pytest.raises(ValueError, match=r'images are \(32, 33\); .* multiples of 2'):
        build(folder)(images(1, 32, 33))
