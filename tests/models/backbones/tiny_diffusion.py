"""A tiny latent diffusion model with random weights, as a folder in diffusers' layout."""

from __future__ import annotations

from pathlib import Path

import torch

WIDTH = 24
PATCH = 2


def write_diffusion(folder: Path, unet: dict | None = None, vae: dict | None = None) -> Path:
    """Write a UNet of about 0.2 M parameters, its VAE and scheduler; 32 px images, 16 px latents.

    Args:
        folder: Where to.
        unet, vae: Settings that differ.
    """
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

    torch.manual_seed(0)
    settings = dict(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        down_block_types=('CrossAttnDownBlock2D', 'DownBlock2D'),
        up_block_types=('UpBlock2D', 'CrossAttnUpBlock2D'),
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
    )
    UNet2DConditionModel(**settings | (unet or {})).save_pretrained(folder / 'unet')
    settings = dict(
        block_out_channels=(8, 16),
        down_block_types=('DownEncoderBlock2D',) * 2,
        up_block_types=('UpDecoderBlock2D',) * 2,
        norm_num_groups=4,
        layers_per_block=1,
        latent_channels=4,
    )
    AutoencoderKL(**settings | (vae or {})).save_pretrained(folder / 'vae')
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule='scaled_linear', steps_offset=1
    )
    scheduler.save_pretrained(folder / 'scheduler')
    return folder


DEEP = dict(
    block_out_channels=(16, 16, 32, 32),
    down_block_types=('CrossAttnDownBlock2D',) * 3 + ('DownBlock2D',),
    up_block_types=('UpBlock2D',) + ('CrossAttnUpBlock2D',) * 3,
)
"""Four levels, with attention where Stable Diffusion 1.5 has it."""
