"""A pull of predicted distributions towards the uniform one."""

from __future__ import annotations

import math

from mmpose.registry import MODELS
from torch import Tensor, nn

from .distillation import at_least_single


@MODELS.register_module()
class UniformityLoss(nn.Module):
    r"""Divergence of each heatmap's softmax over space from the uniform distribution.

    .. math:: KL(p \| U) = \log(hw) - H(p)

    Classifier-projection regularisation (Cha et al., "CPR: Classifier-Projection Regularization
    for Continual Learning", ICLR 2021) adds this term of the classifier's output to a continual
    learner: a wider minimum is left at a smaller cost to the old tasks. A heatmap's counterpart of
    the distribution over classes is the one over cells.

    Args:
        loss_weight (float): Factor of the loss.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, student: Tensor) -> Tensor:
        """Mean divergence, a scalar of at least 0, of heatmaps (B, K, h, w)."""
        log_probabilities = at_least_single(student).flatten(2).log_softmax(-1)
        negative_entropy = (log_probabilities.exp() * log_probabilities).sum(-1)
        cells = log_probabilities.shape[-1]
        return self.loss_weight * (negative_entropy + math.log(cells)).mean()
