"""Sine codes of coordinates and of keypoint indices."""

import math

import torch
from torch import Tensor


def sine_encoding(coordinates: Tensor, dims: int = 256, temperature: float = 10000.0) -> Tensor:
    """Sine code of coordinate pairs (FMMP, section 2.3).

    Args:
        coordinates (Tensor): (..., 2), x and y as fractions of the crop.
        dims (int): Size of the code: one half for y, then one half for x.
        temperature (float): Ratio of the longest to the shortest wavelength.

    Returns:
        Tensor: (..., dims); sine on even places of each half, cosine on odd ones.
    """
    half = dims // 2
    place = torch.arange(half, device=coordinates.device)
    wavelength = temperature ** (2 * (place // 2) / half)
    angle = 2 * math.pi * coordinates.flip(-1)[..., None] / wavelength
    code = torch.where(place % 2 == 0, angle.sin(), angle.cos())
    return code.flatten(-2).to(coordinates.dtype)


def index_encoding(size: int, dims: int = 256, device: torch.device | None = None) -> Tensor:
    """Fixed code (size, dims) of keypoint slots: the sine code of ``(k / size, 1)``, k from 1."""
    share = torch.arange(1, size + 1, dtype=torch.float32, device=device) / size
    return sine_encoding(torch.stack([share, torch.ones_like(share)], dim=-1), dims)
