"""L_BP: the prompts' heatmaps against the labelled keypoints they are assigned to."""

from __future__ import annotations

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from kpt_plugins.models.layers.gaussian_maps import gaussian_energy, gaussian_error


def prompt_heatmap_loss(
    heatmaps: Tensor,
    points: Tensor,
    visible: Tensor,
    assignment: Tensor,
    sigma: float,
    unmatched_weight: float = 0.0,
) -> Tensor:
    r"""Mean over pairs of equation 1.

    .. math:: \sum_{x \in \{i, r\}} \frac1{K_x} \sum_k e(H_x[\delta(k)], H^*_x[k])

    Over the :math:`K_x` keypoints that image x shows, with the energy-normalised error e.

    Args:
        heatmaps (Tensor): (B, 2, N, h, w).
        points (Tensor): (B, 2, K, 2), fractions of the crops.
        visible (Tensor): bool (B, 2, K).
        assignment (Tensor): int64 (B, K), prompts of both images' keypoints; -1 for none.
        sigma (float): Standard deviation of the targets in cells.
        unmatched_weight (float): Weight of the maps, against zero, of prompts that show no
            keypoint of the pair.

    Returns:
        Tensor: Scalar.
    """
    batch = torch.arange(len(heatmaps), device=heatmaps.device)[:, None]
    chosen = heatmaps.transpose(1, 2)[batch, assignment.clamp(min=0)].transpose(1, 2)
    counted = (visible & (assignment >= 0)[:, None]).to(heatmaps.dtype)
    number = counted.sum(dim=-1).clamp(min=1)
    total = (gaussian_error(chosen, points, sigma) * counted).sum(dim=-1)
    if unmatched_weight:
        size = heatmaps.shape[2]
        matched = torch.zeros(len(heatmaps), size + 1, dtype=torch.bool, device=heatmaps.device)
        matched = matched.scatter(1, assignment.where(assignment >= 0, size), True)[:, None, :size]
        energy = heatmaps.square().sum(dim=(-2, -1)) / gaussian_energy(sigma)
        labelled = counted.any(dim=-1, keepdim=True)
        total = total + unmatched_weight * (energy * (~matched & labelled)).sum(dim=-1)
    return (total / number).sum() / max(len(heatmaps), 1)


@MODELS.register_module()
class PromptHeatmapLoss(nn.Module):
    """:func:`prompt_heatmap_loss` times ``loss_weight``."""

    def __init__(self, loss_weight: float = 1.0, unmatched_weight: float = 0.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.unmatched_weight = unmatched_weight

    def forward(
        self, heatmaps: Tensor, points: Tensor, visible: Tensor, assignment: Tensor, sigma: float
    ) -> Tensor:
        return self.loss_weight * prompt_heatmap_loss(
            heatmaps, points, visible, assignment, sigma, self.unmatched_weight
        )
