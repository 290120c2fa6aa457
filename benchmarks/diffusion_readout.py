"""The diffusion backbone's read-out: a tiny model to measure it on, and what it keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from kpt_plugins.models.backbones import DiffusersUNetBackbone
from kpt_plugins.models.backbones.attention_readout import readout_layers

MAX_RES, LAYERS = 32, 4


def write_tiny_diffusion(folder: Path, latents: int = 64) -> Path:
    """A latent diffusion model with random weights, in diffusers' layout.

    As in Stable Diffusion 1.5, latents are 64 x 64, there are four levels, and the decoder has
    attention on the finest three; but it is narrow and its VAE halves the images once, not thrice.
    """
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=latents,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(32, 32, 64, 64),
        norm_num_groups=8,
        down_block_types=('CrossAttnDownBlock2D',) * 3 + ('DownBlock2D',),
        up_block_types=('UpBlock2D',) + ('CrossAttnUpBlock2D',) * 3,
        cross_attention_dim=32,
        attention_head_dim=8,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=('DownEncoderBlock2D',) * 2,
        up_block_types=('UpDecoderBlock2D',) * 2,
        norm_num_groups=4,
        layers_per_block=1,
        latent_channels=4,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule='scaled_linear', steps_offset=1
    )
    for name, part in (('unet', unet), ('vae', vae), ('scheduler', scheduler)):
        part.save_pretrained(folder / name)
    return folder


def build_backbone(
    folder: Path, grad_through_unet: bool, map_size: int, prompts: int = 100, sinks: int = 16
) -> DiffusersUNetBackbone:
    torch.manual_seed(0)
    return DiffusersUNetBackbone(
        str(folder),
        num_prompts=prompts,
        num_sinks=sinks,
        map_size=map_size,
        max_res=MAX_RES,
        num_layers=LAYERS,
        grad_through_unet=grad_through_unet,
    ).train()


def make_images(backbone: DiffusersUNetBackbone, number: int) -> Tensor:
    """Random images (number, 3, H, W) in [-1, 1] of the UNet's nominal size."""
    size = backbone.patch * backbone.unet.config.sample_size
    return 2 * torch.rand(number, 3, size, size, generator=torch.Generator().manual_seed(0)) - 1


def prompt_step(backbone: DiffusersUNetBackbone, images: Tensor) -> Callable[[], None]:
    """Forward, and backward from maps and features to the prompts."""

    def step() -> None:
        features = backbone(images)
        total = features.prompt_maps.square().sum()
        # without gradients through the UNet its features have none to give
        for level in features:
            total = total + level.square().mean()
        backbone.prompts.grad = None
        total.backward()

    return step


def formula_mib(backbone: DiffusersUNetBackbone, images: int, map_size: int) -> float:
    """What the spec says (section 2.2): images x heads x R^2 x tokens x 4 bytes for each layer."""
    layers = readout_layers(backbone.unet, MAX_RES, LAYERS)
    names = (name.removesuffix('.processor') for name in layers)
    heads = sum(backbone.unet.get_submodule(name).heads for name in names)
    return images * heads * map_size**2 * len(backbone.prompts) * 4 / 2**20


def kept_mib(model: nn.Module, function: Callable[[], object]) -> float:
    """MiB that autograd keeps for the backward pass of a function's result, without weights."""
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = function()  # alive until all is counted: its graph holds what is kept
    size = sum(kept.values()) / 2**20
    del result
    return size
