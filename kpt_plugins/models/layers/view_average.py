"""Heatmaps averaged over moved views of an image."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from kpt_plugins.models.layers.random_affine import inverse, random_affine, warp, warp_mask

ROTATION, TRANSLATION, ZOOM = 15.0, 0.1, 1.2
"""Largest movements: degrees, fractions of the image, enlargement."""


def average_views(predict: Callable[[Tensor], Tensor], images: Tensor, views: int) -> Tensor:
    """Mean of the heatmaps of images and of moved copies of them, moved back.

    The movements are the same for all images and in all calls. A cell is averaged over the views
    that show it; the image itself is always one. After Hedlin et al., "Unsupervised Keypoints from
    Pretrained Diffusion Models", CVPR 2024, who take ten.

    Args:
        predict (Callable): Images (B, 3, H, W) to heatmaps (B, N, h, w).
        images (Tensor): (B, 3, H, W).
        views (int): How many, with the image itself.
    """
    total = predict(images)
    size = total.shape[-2:]
    count = total.new_ones(1, 1, *size)
    generator = torch.Generator().manual_seed(0)
    matrices = random_affine(
        views - 1, ROTATION, TRANSLATION, ZOOM, images.shape[-2:], generator=generator
    )
    for matrix in matrices.to(images.device):
        there = matrix.expand(len(images), 2, 3)
        back = inverse(there)
        seen = warp_mask(back, size)[:1, None].to(total)
        total = total + seen * warp(predict(warp(images, there)), back)
        count = count + seen
    return total / count
