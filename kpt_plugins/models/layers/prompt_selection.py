"""Which prompts the unsupervised losses are about."""

from __future__ import annotations

import torch
from torch import Tensor

from kpt_plugins.models.layers.gaussian_maps import gaussian_maps


@torch.no_grad()
def spread_gaussian_prompts(
    heatmaps: Tensor, points: Tensor, sigma: float, candidates: int, keep: int
) -> Tensor:
    """The prompts that look most like one Gaussian, far apart from each other.

    The candidates are those with the least divergence of the map, as a distribution, from the
    Gaussian at its own point; the most Gaussian one is kept, and then again and again the one
    farthest from those kept (Hedlin et al., "Unsupervised Keypoints from Pretrained Diffusion
    Models", CVPR 2024).

    Args:
        heatmaps (Tensor): (B, N, h, w).
        points (Tensor): (B, N, 2), fractions of the crops.
        sigma (float): Standard deviation in cells.
        candidates, keep (int): Numbers of prompts, at most N.

    Returns:
        Tensor: (B, N), 1 for the prompts kept and 0 for the others.
    """
    height, width = heatmaps.shape[-2:]
    share = heatmaps.flatten(-2).clamp(min=1e-12)
    share = share / share.sum(dim=-1, keepdim=True)
    gaussian = gaussian_maps(points, height, width, sigma).flatten(-2).clamp(min=1e-12)
    gaussian = gaussian / gaussian.sum(dim=-1, keepdim=True)
    divergence = (share * (share.log() - gaussian.log())).sum(dim=-1)
    chosen = divergence.topk(min(candidates, divergence.shape[1]), largest=False).indices
    place = points.gather(1, chosen[..., None].expand(-1, -1, 2))
    apart = torch.cdist(place, place)
    kept = [torch.zeros_like(chosen[:, 0])]
    nearest = apart[:, 0].clone()
    for _ in range(min(keep, chosen.shape[1]) - 1):
        nearest.scatter_(1, kept[-1][:, None], -1)
        kept.append(nearest.argmax(dim=1))
        farther = apart[torch.arange(len(apart)), kept[-1]]
        nearest = nearest.minimum(farther)
    index = chosen.gather(1, torch.stack(kept, dim=1))
    return torch.zeros_like(divergence).scatter(1, index, 1)
