"""CoKe's losses: features against prototypes and clutter."""

from __future__ import annotations

import math

import torch
from mmengine.dist import all_reduce
from mmpose.registry import MODELS
from torch import Tensor, nn

# A logit so low that its probability is exactly zero; finite, so that its gradient is too.
_EXCLUDED = -1e4


def near_cells(cells: Tensor, visible: Tensor, distance: float) -> Tensor:
    """Which keypoints of an image lie close to which others.

    Args:
        cells (Tensor): (B, K, 2), in cells of the map.
        visible (Tensor): bool (B, K); the place of one that is not is unknown.
        distance (float): Largest Euclidean distance in cells that is close; none is if negative.

    Returns:
        Tensor: bool (B, K, K), true at (b, k, j) if j is visible and close to k, itself excepted.
    """
    if distance < 0:
        return torch.zeros(*cells.shape[:2], cells.shape[1], dtype=torch.bool, device=cells.device)
    squared = (cells[:, :, None] - cells[:, None]).square().sum(dim=-1)
    itself = torch.eye(cells.shape[1], dtype=torch.bool, device=cells.device)
    return (squared <= distance**2) & visible[:, None] & ~itself


def prototype_cross_entropy(
    features: Tensor,
    prototypes: Tensor,
    not_negative: Tensor,
    clutter: Tensor | None = None,
    filled: Tensor | int = 0,
    temperature: float = 0.07,
    clutter_weight: float = 5e-3,
) -> Tensor:
    """Cross-entropy of each keypoint's feature to its own prototype (CoKe).

    Negatives are the other prototypes of the category, and clutter, of which each entry counts
    ``clutter_weight``.

    Args:
        features (Tensor): (B, K, D), of length one.
        prototypes (Tensor): (K, D), or (B, K, D) if images differ in category.
        not_negative (Tensor): bool (B, K, K), true at (b, k, j) if prototype j is no negative of
            keypoint k; j = k does not matter.
        clutter (Tensor | None): (M, D), of length one.
        filled (Tensor | int): How many of its rows, from the first, are in use.

    Returns:
        Tensor: (B, K).
    """
    logits = features @ prototypes.mT / temperature
    own = logits.diagonal(dim1=-2, dim2=-1)
    itself = torch.eye(logits.shape[-1], dtype=torch.bool, device=logits.device)
    total = logits.masked_fill(not_negative & ~itself, _EXCLUDED).logsumexp(dim=-1)
    if clutter is not None and clutter_weight > 0:
        used = torch.arange(len(clutter), device=clutter.device) < filled
        bias = torch.where(used, math.log(clutter_weight), _EXCLUDED).to(features)
        flat = torch.addmm(bias, features.flatten(0, 1), clutter.T, alpha=1 / temperature)
        total = torch.logaddexp(total, flat.logsumexp(dim=-1).view_as(total))
    return total - own


def spatial_cross_entropy(responses: Tensor, index: Tensor, temperature: float = 0.07) -> Tensor:
    """Cross-entropy of each response map's softmax over all cells to the keypoint's cell.

    Not part of CoKe: it contrasts a prototype with every place of the same image at once, which
    learns much faster from scratch.

    Args:
        responses (Tensor): (B, K, h * w), cosines.
        index (Tensor): int64 (B, K), the cells.

    Returns:
        Tensor: (B, K).
    """
    own = responses.gather(-1, index[..., None]).squeeze(-1)
    return (responses / temperature).logsumexp(dim=-1) - own / temperature


def clutter_similarity(noise: Tensor, prototypes: Tensor, used: Tensor | None = None) -> Tensor:
    """Mean cosine of clutter features and the prototypes seen so far (CoKe).

    Args:
        noise (Tensor): (B, n, D), of length one.
        prototypes (Tensor): (K, D) or (B, K, D); zero where not seen.
        used (Tensor | None): bool (B, n), which features count; all by default.

    Returns:
        Tensor: Scalar, zero without features or prototypes.
    """
    seen = prototypes.any(dim=-1).sum(dim=-1, keepdim=True)
    mean = prototypes.sum(dim=-2) / seen.clamp(min=1)
    cosine = (noise * mean[..., None, :]).sum(dim=-1)
    if used is None:
        return cosine.sum() / max(cosine.numel(), 1)
    return (cosine * used).sum() / used.sum().clamp(min=1)


@MODELS.register_module()
class CoKeContrastiveLoss(nn.Module):
    """The three terms of training a CoKe head.

    * ``loss_contrast``: :func:`prototype_cross_entropy`, the mean over visible keypoints;
    * ``loss_clutter``: ``reg_weight`` times :func:`clutter_similarity`;
    * ``loss_spatial``: ``spatial_weight`` times the mean :func:`spatial_cross_entropy`.

    Means over keypoints are those of all processes. Keypoints whose prototype was never seen do
    not count, and are nobody's negatives; without any visible keypoint the terms are zero.

    Args:
        temperature (float): Divides cosines.
        near_distance (float): Keypoints at most so many cells apart are not contrasted: 0, those
            in the same cell; negative, all are contrasted.
        clutter_weight (float): What a clutter feature counts, a prototype counting 1.
        reg_weight (float): Factor of ``loss_clutter``.
        spatial_weight (float): Factor of ``loss_spatial``; at 0, as in the paper, it is left out.

    Raises:
        ValueError: If the temperature is not positive or a weight is negative.
    """

    def __init__(
        self,
        temperature: float = 0.07,
        near_distance: float = 1.0,
        clutter_weight: float = 5e-3,
        reg_weight: float = 0.1,
        spatial_weight: float = 0.0,
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f'temperature is {temperature}; expected a positive number')
        weights = dict(
            clutter_weight=clutter_weight, reg_weight=reg_weight, spatial_weight=spatial_weight
        )
        for name, value in weights.items():
            if value < 0:
                raise ValueError(f'{name} is {value}; expected zero or more')
        self.temperature = temperature
        self.near_distance = near_distance
        self.clutter_weight = clutter_weight
        self.reg_weight = reg_weight
        self.spatial_weight = spatial_weight

    def forward(
        self,
        features: Tensor,
        cells: Tensor,
        visible: Tensor,
        prototypes: Tensor,
        noise: Tensor,
        noise_used: Tensor | None = None,
        clutter: Tensor | None = None,
        filled: Tensor | int = 0,
        responses: Tensor | None = None,
        index: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """All terms.

        Args:
            features (Tensor): (B, K, D), of length one, at the keypoints.
            cells (Tensor): (B, K, 2), columns and rows of the keypoints.
            visible (Tensor): bool (B, K).
            prototypes (Tensor): (K, D) or (B, K, D).
            noise (Tensor): (B, n, D), of length one, at clutter.
            noise_used (Tensor | None): bool (B, n).
            clutter (Tensor | None): (M, D), the clutter bank.
            filled (Tensor | int): Its rows in use.
            responses (Tensor | None): (B, K, h * w), cosines; needed if ``spatial_weight`` > 0.
            index (Tensor | None): int64 (B, K), the keypoints' cells in the flattened map;
                likewise.

        Returns:
            dict: ``loss_contrast``, ``loss_clutter`` and, if it has a weight, ``loss_spatial``.
        """
        seen = prototypes.any(dim=-1)
        counted = (visible & seen).to(features.dtype)
        number = counted.sum()
        all_reduce(number, op='mean')
        # One keypoint in all processes is 1 / processes here, so the least is not 1.
        share = counted / number.clamp(min=1e-6)

        not_negative = near_cells(cells, visible, self.near_distance) | ~seen[..., None, :]
        contrast = prototype_cross_entropy(
            features,
            prototypes,
            not_negative,
            clutter,
            filled,
            self.temperature,
            self.clutter_weight,
        )
        similarity = clutter_similarity(noise, prototypes, noise_used)
        losses = dict(
            loss_contrast=(contrast * share).sum(), loss_clutter=self.reg_weight * similarity
        )
        if self.spatial_weight > 0:
            spatial = spatial_cross_entropy(responses, index, self.temperature)
            losses['loss_spatial'] = self.spatial_weight * (spatial * share).sum()
        return losses
