"""Hard labels from a teacher's heatmaps."""

from __future__ import annotations

import torch
from mmpose.models.losses import KeypointMSELoss
from mmpose.registry import MODELS
from torch import Tensor, nn

from .distillation import at_least_single, check_same_shape


def render_gaussians(points: Tensor, height: int, width: int, sigma: float) -> Tensor:
    """Gaussians of height 1, cut at 3 sigma, as MMPose's ``MSRAHeatmap`` draws its targets.

    Args:
        points (Tensor): (..., 2) whole cells, x and y.
        sigma (float): Standard deviation in cells.

    Returns:
        Tensor: (..., height, width).
    """

    def along(centre: Tensor, size: int) -> Tensor:
        distance = torch.arange(size, device=points.device) - centre[..., None]
        return (-0.5 * (distance / sigma).square()).exp() * (distance.abs() <= int(3 * sigma))

    x, y = along(points[..., 0], width), along(points[..., 1], height)
    return y[..., :, None] * x[..., None, :]


@MODELS.register_module()
class PseudoLabelLoss(nn.Module):
    """Heatmap regression to the keypoints that a teacher is sure of.

    A teacher's peak above the threshold becomes a label, a Gaussian at the peak's cell, and the
    student's channel is held to it as to an annotated one; below it the channel is ignored. This
    is how DeepLabCut's memory replay keeps a pretrained model's body parts when a project has
    labelled only some of them (Ye et al., "SuperAnimal", Nature Communications 2024).

    Args:
        threshold (float): Least peak of a teacher's heatmap that counts.
        sigma (float): Standard deviation of the target in cells, the codec's.
        loss_weight (float): Factor of the loss.

    Raises:
        ValueError: For a sigma that is not positive.
    """

    def __init__(
        self, threshold: float = 0.5, sigma: float = 2.0, loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        if not sigma > 0:
            raise ValueError(f'sigma is {sigma}; expected a positive number of heatmap cells')
        self.threshold = threshold
        self.sigma = sigma
        self.squared_error = KeypointMSELoss(use_target_weight=True, loss_weight=loss_weight)

    def forward(self, student: Tensor, teacher: Tensor, weights: Tensor | None = None) -> Tensor:
        """Loss of student heatmaps (B, K, h, w) against the peaks of the teacher's.

        Args:
            student (Tensor): (B, K, h, w).
            teacher (Tensor): (B, K, h, w); gets no gradient.
            weights (Tensor | None): (B, K). As in ``KeypointMSELoss`` the mean runs over all B * K
                channels, the ignored ones too.

        Returns:
            Tensor: Scalar.
        """
        check_same_shape(student, teacher)
        height, width = teacher.shape[2:]
        peak, cell = teacher.detach().flatten(2).max(dim=-1)
        points = torch.stack([cell % width, cell // width], dim=-1)
        target = render_gaussians(points, height, width, self.sigma)
        sure = (peak > self.threshold).to(target.dtype)
        weights = sure if weights is None else sure * weights
        return self.squared_error(at_least_single(student), at_least_single(target), weights)
