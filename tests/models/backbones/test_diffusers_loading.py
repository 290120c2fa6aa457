"""Diffusion models that are not there, or not what is expected."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import find_spec

import pytest
import torch

from kpt_plugins.models.backbones.diffusers_loading import load_latent_diffusion
from tests.models.backbones.tiny_diffusion import DEEP, write_diffusion

needs_diffusers = pytest.mark.skipif(
    find_spec('diffusers') is None,
    reason='diffusers, an optional extra, is not installed',
)


@pytest.fixture(scope='module')
def original(tmp_path_factory):
    return write_diffusion(tmp_path_factory.mktemp('original'))


@pytest.fixture
def folder(original, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(original, tmp_path / 'model')


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_without_diffusers_the_message_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'diffusers', None)
    with pytest.raises(ImportError, match='pip install diffusers, or the extra `diffusion`'):
        load_latent_diffusion(str(tmp_path))


@needs_diffusers
def test_loads_what_was_written(original):
    from diffusers import UNet2DConditionModel

    unet, vae, scheduler = load_latent_diffusion(str(original))
    expected = UNet2DConditionModel.from_pretrained(original / 'unet', low_cpu_mem_usage=False)
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(unet.state_dict()[name], value, rtol=0, atol=0)
    assert vae.config.latent_channels == 4
    assert scheduler.config.num_train_timesteps == 1000


@needs_diffusers
def test_other_schedulers_are_read_and_other_weights_too(folder):
    """Stable Diffusion comes with a PNDM scheduler and with half-precision weights."""
    from diffusers import PNDMScheduler

    betas = dict(beta_start=0.00085, beta_end=0.012, beta_schedule='scaled_linear')
    PNDMScheduler(**betas).save_pretrained(folder / 'scheduler')
    for part in ('unet', 'vae'):
        (weights,) = (folder / part).glob('*.safetensors')
        weights.rename(weights.with_name('diffusion_pytorch_model.fp16.safetensors'))
    *_, scheduler = load_latent_diffusion(str(folder), variant='fp16')
    assert scheduler.config.beta_schedule == 'scaled_linear'
    with pytest.raises(ValueError, match='unet could not be loaded with variant=None; .*fp16'):
        load_latent_diffusion(str(folder))


@needs_diffusers
@pytest.mark.parametrize('name', ['/nowhere/sd15', './sd15', 'a/b/c', '~/no-such-model', 'sd15'])
def test_missing_folder(name):
    with pytest.raises(FileNotFoundError, match='there is no such folder; expected a folder in'):
        load_latent_diffusion(name)


@needs_diffusers
def test_no_network(monkeypatch):
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    with pytest.raises(OSError, match='nobody/nothing is no folder here, and its unet could not'):
        load_latent_diffusion('nobody/nothing')


@needs_diffusers
def test_a_checkpoint_file_is_not_a_folder(tmp_path):
    file = tmp_path / 'v1-5-pruned.safetensors'
    file.touch()
    with pytest.raises(FileNotFoundError, match='is a file; .*from_single_file'):
        load_latent_diffusion(str(file))


@needs_diffusers
@pytest.mark.parametrize('part', ['unet', 'vae', 'scheduler'])
def test_missing_part(folder, part):
    shutil.rmtree(folder / part)
    with pytest.raises(FileNotFoundError, match=f'has no {part}/.*config.json; expected .* found'):
        load_latent_diffusion(str(folder))


@needs_diffusers
@pytest.mark.parametrize('part', ['unet', 'vae'])
def test_missing_weights(folder, part):
    (weights,) = (folder / part).glob('*.safetensors')
    weights.unlink()
    with pytest.raises(FileNotFoundError, match=f'{part} has no weights; .*config.json'):
        load_latent_diffusion(str(folder))


@needs_diffusers
def test_weights_of_another_model(folder, tmp_path):
    """diffusers alone would leave the rest random and only say so in the log."""
    from safetensors.torch import load_file, save_file

    (weights,) = (folder / 'unet').glob('*.safetensors')
    content = load_file(weights)
    content.pop('conv_out.weight')
    save_file(content, weights, metadata=dict(format='pt'))
    with pytest.raises(ValueError, match='weights of unet lack 1 .* conv_out.weight'):
        load_latent_diffusion(str(folder))
    other = write_diffusion(tmp_path / 'other', DEEP)
    shutil.copy(next((other / 'unet').glob('*.safetensors')), weights)
    with pytest.raises(ValueError, match='unet'):
        load_latent_diffusion(str(folder))


@needs_diffusers
def test_damaged_weights(folder):
    (weights,) = (folder / 'vae').glob('*.safetensors')
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match='vae could not be loaded'):
        load_latent_diffusion(str(folder))


@needs_diffusers
def test_damaged_config(folder):
    for name in ('unet/config.json', 'vae/config.json', 'scheduler/scheduler_config.json'):
        whole = (folder / name).read_text()
        for text, message in (('{', 'is damaged, it is no JSON'), ('[]', 'holds a list, expected')):
            (folder / name).write_text(text)
            with pytest.raises(ValueError, match=f'{name} {message}'):
                load_latent_diffusion(str(folder))
        (folder / name).write_text(whole)
    change(folder / 'unet' / 'config.json', block_out_channels=5)
    with pytest.raises(ValueError, match='unet could not be loaded'):
        load_latent_diffusion(str(folder))


@needs_diffusers
def test_scheduler_without_its_betas(folder):
    (folder / 'scheduler' / 'scheduler_config.json').write_text('{"beta_start": 0.1}')
    with pytest.raises(ValueError, match='scheduler_config.json lacks beta_end, beta_schedule'):
        load_latent_diffusion(str(folder))


@needs_diffusers
def test_other_kinds_of_models(folder, tmp_path):
    config = folder / 'unet' / 'config.json'
    change(config, _class_name='FluxTransformer2DModel')
    with pytest.raises(ValueError, match='unet is a FluxTransformer2DModel; expected a UNet2DCond'):
        load_latent_diffusion(str(folder))
    inpainting = write_diffusion(tmp_path / 'inpainting', dict(in_channels=9))
    with pytest.raises(ValueError, match='takes 9 channels and its VAE gives 4; .*inpainting'):
        load_latent_diffusion(str(inpainting))
    extended = dict(
        addition_embed_type='text_time',
        addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=32,
    )
    xl = write_diffusion(tmp_path / 'xl', extended)
    with pytest.raises(ValueError, match='conditions beside the tokens, as .* Stable Diffusion XL'):
        load_latent_diffusion(str(xl))
    uneven = write_diffusion(tmp_path / 'uneven', dict(cross_attention_dim=(24, 16)))
    with pytest.raises(ValueError, match='tokens of different widths'):
        load_latent_diffusion(str(uneven))
