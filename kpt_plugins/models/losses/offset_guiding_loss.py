"""L_NG: prompts' points go to the key place nearby."""

from __future__ import annotations

from mmpose.registry import MODELS
from torch import Tensor, nn


def offset_guiding_loss(
    points: Tensor, offsets: Tensor, weights: Tensor, radius: float, map_size: tuple[int, int]
) -> Tensor:
    r"""Mean over pairs of equation 3.

    .. math:: \sum_{x \in \{i, r\}}
        \frac{\sum_n w_n \lVert P_n - sg(P_n + \Delta_n)\rVert^2}{R^2 \sum_n w_n}

    Its value is that of the squared offsets, but the gradient reaches the points alone.

    Args:
        points, offsets (Tensor): (B, 2, N, 2), fractions of the crops.
        weights (Tensor): (B, 2, N).
        radius (float): R in cells.
        map_size (tuple[int, int]): Height and width of the map in cells.

    Returns:
        Tensor: Scalar.
    """
    size = points.new_tensor([map_size[1], map_size[0]])
    target = (points + offsets).detach()
    squared = ((points - target) * size).square().sum(dim=-1)
    weights = weights.detach()
    per_image = (weights * squared).sum(dim=-1) / weights.sum(dim=-1).clamp(min=1e-6)
    return per_image.sum() / radius**2 / max(len(points), 1)


@MODELS.register_module()
class OffsetGuidingLoss(nn.Module):
    """:func:`offset_guiding_loss` times ``loss_weight``, of prompts by their visibility.

    Args:
        loss_weight (float): beta. A large one merges prompts on one place.
        threshold (float | None): Prompts above this visibility count 1 and the others 0; by
            default each counts its visibility.
    """

    def __init__(self, loss_weight: float = 0.1, threshold: float | None = None) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.threshold = threshold

    def forward(
        self,
        points: Tensor,
        offsets: Tensor,
        visibility: Tensor,
        radius: float,
        map_size: tuple[int, int],
    ) -> Tensor:
        weights = visibility
        if self.threshold is not None:
            weights = (visibility > self.threshold).to(visibility)
        return self.loss_weight * offset_guiding_loss(points, offsets, weights, radius, map_size)
