"""L_BK: the keyness map against the labelled keypoints, whichever they are."""

from __future__ import annotations

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from kpt_plugins.models.layers.gaussian_maps import gaussian_maps, map_error
from kpt_plugins.models.layers.similarity_proposal import cell_centres


def keyness_target(
    points: Tensor, visible: Tensor, height: int, width: int, sigma: float
) -> Tensor:
    """Largest of the visible keypoints' Gaussians at every cell.

    Args:
        points (Tensor): (..., K, 2), fractions of the crop.
        visible (Tensor): bool (..., K).
        height, width (int): Size of the map.
        sigma (float): Standard deviation in cells.

    Returns:
        Tensor: (..., height, width), zero where nothing is visible.
    """
    maps = gaussian_maps(points, height, width, sigma) * visible[..., None, None]
    return maps.amax(dim=-3) if maps.shape[-3] else maps.sum(dim=-3)


def keyness_heatmap_loss(maps: Tensor, points: Tensor, visible: Tensor, sigma: float) -> Tensor:
    r"""Mean over pairs of equation 2 for keyness heatmaps.

    .. math:: \sum_{x \in \{i, r\}} e(M_x, M^*_x) / K_x

    Args:
        maps (Tensor): (B, 2, 1, h, w).
        points (Tensor): (B, 2, K, 2), fractions of the crops.
        visible (Tensor): bool (B, 2, K); an image that shows nothing does not count.
        sigma (float): Standard deviation of the targets in cells.

    Returns:
        Tensor: Scalar.
    """
    target = keyness_target(points, visible, *maps.shape[-2:], sigma)
    number = visible.sum(dim=-1)
    error = map_error(maps[:, :, 0], target, sigma) * (number > 0)
    return (error / number.clamp(min=1)).sum() / max(len(maps), 1)


def keyness_offset_loss(maps: Tensor, points: Tensor, visible: Tensor, reach: float) -> Tensor:
    r"""Mean over pairs of equation 2 for offsets to the nearest keypoint.

    .. math:: \sum_{x \in \{i, r\}} \frac{1}{|U_x|} \sum_{u \in U_x}
        \lVert M_x(u) - (p^*(u) - u) \rVert^2 / R^2

    over the cells U with a visible keypoint within R cells; elsewhere M is not defined. Offsets of
    zero cost 1/2 an image.

    Args:
        maps (Tensor): (B, 2, 2, h, w), x and y in cells.
        points (Tensor): (B, 2, K, 2), fractions of the crops.
        visible (Tensor): bool (B, 2, K).
        reach (float): R in cells.

    Returns:
        Tensor: Scalar.
    """
    height, width = maps.shape[-2:]
    if not points.shape[-2]:
        return maps.sum() * 0
    size = points.new_tensor([width, height])
    cells = cell_centres(height, width, points.device).to(points) * size
    way = points[..., None, :, :] * size - cells[:, None]
    distance = way.norm(dim=-1).masked_fill(~visible[..., None, :], torch.inf)
    distance, nearest = distance.min(dim=-1)
    target = way.gather(-2, nearest[..., None, None].expand(*nearest.shape, 1, 2)).squeeze(-2)
    near = distance <= reach
    error = (maps.flatten(-2).mT - target).square().sum(dim=-1) * near
    per_image = error.sum(dim=-1) / near.sum(dim=-1).clamp(min=1) / reach**2
    return per_image.sum() / max(len(maps), 1)


@MODELS.register_module()
class KeynessLoss(nn.Module):
    """:func:`keyness_heatmap_loss` or :func:`keyness_offset_loss` times ``loss_weight``.

    Which one is the maps' number of channels, one or two.

    Args:
        loss_weight (float): Factor of the loss.
        reach (float): How far from a keypoint, in cells, offsets are trained.
    """

    def __init__(self, loss_weight: float = 1.0, reach: float = 5.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.reach = reach

    def forward(self, maps: Tensor, points: Tensor, visible: Tensor, sigma: float) -> Tensor:
        if maps.shape[2] == 1:
            loss = keyness_heatmap_loss(maps, points, visible, sigma)
        else:
            loss = keyness_offset_loss(maps, points, visible, self.reach)
        return self.loss_weight * loss
