"""L_BC: descriptors of the same keypoint in two images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from kpt_plugins.models.layers.point_sampling import sample_features


def correspondence_loss(
    descriptors: Tensor,
    points: Tensor,
    visible: Tensor,
    scale: Tensor | float,
    negatives: str = 'pixels',
) -> Tensor:
    r"""Symmetric cross-entropy of co-visible keypoints' descriptors.

    A keypoint's descriptor in one image is classified among all cells of the other, whose right
    one is that which holds the keypoint; or among the pair's keypoints only.

    Args:
        descriptors (Tensor): (B, 2, D, h, w), of length one over D.
        points (Tensor): (B, 2, K, 2), fractions of the crops.
        visible (Tensor): bool (B, 2, K).
        scale (Tensor | float): Factor of cosines.
        negatives (str): ``'pixels'`` or ``'keypoints'``.

    Returns:
        Tensor: Scalar, the mean over pairs with a keypoint that both images show of its mean over
        those keypoints and both directions; 0 if there is no such pair.
    """
    height, width = descriptors.shape[-2:]
    both = visible.all(dim=1)
    sampled = sample_features(descriptors.flatten(0, 1), points.flatten(0, 1))
    queries = F.normalize(sampled, dim=-1).unflatten(0, points.shape[:2])
    if negatives == 'pixels':
        logits = scale * queries @ descriptors.flatten(3).flip(1)
        size = points.new_tensor([width, height])
        most = torch.tensor([width - 1, height - 1], device=points.device)
        cell = (points.flip(1) * size).floor().long().clamp(min=0).minimum(most)
        target = cell[..., 1] * width + cell[..., 0]
    else:
        logits = scale * queries @ queries.flip(1).mT
        logits = logits.masked_fill(~both[:, None, None], -1e4)
        target = torch.arange(points.shape[2], device=points.device).expand(points.shape[:3])
    own = logits.gather(-1, target[..., None]).squeeze(-1)
    entropy = (logits.logsumexp(dim=-1) - own).mean(dim=1)
    number = both.sum(dim=-1)
    per_pair = (entropy * both).sum(dim=-1) / number.clamp(min=1)
    return per_pair.sum() / (number > 0).sum().clamp(min=1)


@MODELS.register_module()
class CorrespondenceLoss(nn.Module):
    """:func:`correspondence_loss` times ``loss_weight``.

    Args:
        loss_weight (float): alpha.
        negatives (str): ``'pixels'``, all cells of the other image; ``'keypoints'``, the pair's
            keypoints, for tiny maps.

    Raises:
        ValueError: For other negatives.
    """

    def __init__(self, loss_weight: float = 0.02, negatives: str = 'pixels') -> None:
        super().__init__()
        if negatives not in ('pixels', 'keypoints'):
            raise ValueError(
                f"CorrespondenceLoss: negatives is {negatives!r}; expected 'pixels' or 'keypoints'"
            )
        self.loss_weight = loss_weight
        self.negatives = negatives

    def forward(
        self, descriptors: Tensor, points: Tensor, visible: Tensor, scale: Tensor | float
    ) -> Tensor:
        return self.loss_weight * correspondence_loss(
            descriptors, points, visible, scale, self.negatives
        )
