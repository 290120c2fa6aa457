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


def first_at_target(
    points: Tensor,
    offsets: Tensor,
    weights: Tensor,
    separation: float,
    radius: float,
    map_size: tuple[int, int],
) -> Tensor:
    """Which prompts of an image come before all others whose targets are nearby.

    A prompt with a target near that of one with a larger claim is not first, whether or not that
    one is: of a chain of targets, each near the next, only the end with the largest claim need be.

    Args:
        points, offsets, weights, radius, map_size: As in :func:`offset_guiding_loss`.
        separation (float): Targets nearer to each other than this, in cells, compete. The claim is
            the weight times (1 - way / R), not below 0; equal claims do not hinder each other.

    Returns:
        Tensor: (B, 2, N), bool.
    """
    size = points.new_tensor([map_size[1], map_size[0]])
    targets, way = (points + offsets).detach() * size, (offsets * size).norm(dim=-1)
    claim = weights * (1 - way / radius).clamp(min=0)
    same = (targets[..., None, :] - targets[..., None, :, :]).norm(dim=-1) < separation
    return ~(same & (claim[..., None, :] > claim[..., None])).any(dim=-1)


@MODELS.register_module()
class OffsetGuidingLoss(nn.Module):
    """:func:`offset_guiding_loss` times ``loss_weight``, of prompts by their visibility.

    Args:
        loss_weight (float): beta. A large one merges prompts on one place.
        threshold (float | None): Prompts above this visibility count 1 and the others 0; by
            default each counts its visibility.
        separation (float | None): If given, only prompts that come before all others with targets
            nearer to theirs than this, in cells, are led (:func:`first_at_target`). The others
            stay, with an offset of 0 and their weight in the mean, so that prompts do not merge.
            Not of the paper, whose prompts are all led.

    Raises:
        ValueError: If ``separation`` is not positive.
    """

    def __init__(
        self,
        loss_weight: float = 0.1,
        threshold: float | None = None,
        separation: float | None = None,
    ) -> None:
        super().__init__()
        if separation is not None and not separation > 0:
            raise ValueError(
                f'OffsetGuidingLoss: separation is {separation}; expected a positive number or None'
            )
        self.loss_weight = loss_weight
        self.threshold = threshold
        self.separation = separation

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
        if self.separation is not None:
            first = first_at_target(points, offsets, weights, self.separation, radius, map_size)
            offsets = offsets * first[..., None]
        return self.loss_weight * offset_guiding_loss(points, offsets, weights, radius, map_size)
