"""Half of L_NU: the heatmaps of a moved image are the moved heatmaps."""

from __future__ import annotations

import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from kpt_plugins.models.layers.random_affine import random_affine, warp, warp_mask


def equivariance_loss(heatmaps: Tensor, moved: Tensor, matrices: Tensor, weights: Tensor) -> Tensor:
    r"""Mean over images of :math:`\sum_n w_n \lVert A_n - B_n\rVert^2 / \sum_n w_n`.

    A is :math:`T \circ H(x)` and B is :math:`H(T x)`, each divided by its norm: from 0 for maps
    of one shape to 2 for maps that share no cell. With the maps as they are, fainter maps would
    cost less, and prompts would fade. Places that come from outside the image do not count.

    Args:
        heatmaps, moved (Tensor): (B, N, h, w) of the images and of the moved images, not negative.
        matrices (Tensor): (B, 2, 3), see :func:`~kpt_plugins.models.layers.random_affine.warp`.
        weights (Tensor): (B, N); get no gradient.

    Returns:
        Tensor: Scalar.
    """
    mask = warp_mask(matrices, heatmaps.shape[-2:])[:, None]
    one, other = (
        F.normalize((maps * mask).flatten(-2), dim=-1) for maps in (warp(heatmaps, matrices), moved)
    )
    return weighted_mean((one - other).square().sum(dim=-1), weights)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean over B of the means of values (B, N) under weights (B, N), which get no gradient."""
    weights = weights.detach()
    per_image = (values * weights).sum(dim=-1) / weights.sum(dim=-1).clamp(min=1e-6)
    return per_image.sum() / max(len(values), 1)


@MODELS.register_module()
class EquivarianceLoss(nn.Module):
    """:func:`equivariance_loss` times ``loss_weight``, and the movements it is about.

    After Hedlin et al., "Unsupervised Keypoints from Pretrained Diffusion Models", CVPR 2024.

    Args:
        loss_weight (float): lambda.
        rotation (float): Largest rotation in degrees.
        translation (float): Largest shift as a fraction of the image's size.
        zoom (float): Largest enlargement.

    Raises:
        ValueError: If a movement is out of range.
    """

    def __init__(
        self,
        loss_weight: float = 0.5,
        rotation: float = 15.0,
        translation: float = 0.25,
        zoom: float = 1.2,
    ) -> None:
        super().__init__()
        if rotation < 0 or not 0 <= translation < 1 or zoom < 1:
            raise ValueError(
                f'EquivarianceLoss: rotation={rotation}, translation={translation}, zoom={zoom}; '
                f'expected 0 or more degrees, 0 to 1 of the image and at least 1'
            )
        self.loss_weight = loss_weight
        self.rotation = rotation
        self.translation = translation
        self.zoom = zoom

    def move(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) each moved at random, and the matrices (B, 2, 3) of it."""
        matrices = random_affine(
            len(images),
            self.rotation,
            self.translation,
            self.zoom,
            images.shape[-2:],
            images.device,
        )
        return warp(images, matrices), matrices

    def forward(self, heatmaps: Tensor, moved: Tensor, matrices: Tensor, weights: Tensor) -> Tensor:
        return self.loss_weight * equivariance_loss(heatmaps, moved, matrices, weights)
