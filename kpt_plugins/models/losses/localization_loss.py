"""The other half of L_NU: a heatmap is one Gaussian."""

from __future__ import annotations

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from kpt_plugins.models.layers.gaussian_maps import gaussian_error
from kpt_plugins.models.losses.equivariance_loss import weighted_mean


def peak_centres(heatmaps: Tensor) -> Tensor:
    """Centres (..., 2) of the cells where maps (..., h, w) are largest, fractions of the map."""
    height, width = heatmaps.shape[-2:]
    best = heatmaps.detach().flatten(-2).argmax(dim=-1)
    return torch.stack([(best % width + 0.5) / width, (best // width + 0.5) / height], dim=-1).to(
        heatmaps.dtype
    )


def localization_loss(heatmaps: Tensor, weights: Tensor, sigma: float) -> Tensor:
    r"""Mean over images of :math:`\sum_n w_n e(H_n, G(\arg\max H_n)) / \sum_n w_n`.

    Args:
        heatmaps (Tensor): (B, N, h, w).
        weights (Tensor): (B, N); get no gradient.
        sigma (float): Standard deviation of the Gaussians in cells.

    Returns:
        Tensor: Scalar.
    """
    return weighted_mean(gaussian_error(heatmaps, peak_centres(heatmaps), sigma), weights)


@MODELS.register_module()
class LocalizationLoss(nn.Module):
    """:func:`localization_loss` times ``loss_weight``.

    After Hedlin et al., "Unsupervised Keypoints from Pretrained Diffusion Models", CVPR 2024.
    """

    def __init__(self, loss_weight: float = 0.5) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, heatmaps: Tensor, weights: Tensor, sigma: float) -> Tensor:
        return self.loss_weight * localization_loss(heatmaps, weights, sigma)
