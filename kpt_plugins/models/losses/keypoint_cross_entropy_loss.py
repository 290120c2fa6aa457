"""Cross-entropy of a distribution over map cells against a keypoint."""

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn


def gaussian_target(points: Tensor, height: int, width: int, sigma: float) -> Tensor:
    """Normalised Gaussians (B, K, height * width) around points (B, K, 2), fractions of the map.

    ``sigma`` is in cells. A point far outside gives a (nearly) uniform border response, so mask it.
    """

    def along(coordinate: Tensor, size: int) -> Tensor:
        centres = torch.arange(size, device=coordinate.device) + 0.5
        distance = (coordinate[..., None] * size - centres) / sigma
        return (-0.5 * distance.square()).softmax(dim=-1)

    x, y = along(points[..., 0], width), along(points[..., 1], height)
    return (y[..., :, None] * x[..., None, :]).flatten(-2)


@MODELS.register_module()
class KeypointCrossEntropyLoss(nn.Module):
    """Cross-entropy of predicted cell distributions against Gaussians around the keypoints.

    Averaged over the visible keypoints inside the crop of each sample, then over samples.

    Args:
        sigma (float): Standard deviation of the target in cells.
        loss_weight (float): Factor of the loss.
    """

    def __init__(self, sigma: float = 0.7, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.sigma = sigma
        self.loss_weight = loss_weight

    def forward(
        self, log_probabilities: Tensor, points: Tensor, visible: Tensor, map_size: tuple[int, int]
    ) -> Tensor:
        """Loss of log-probabilities (B, K, H * W) against points (B, K, 2), visible (B, K).

        Args:
            map_size (tuple[int, int]): H and W.
        """
        inside = ((points >= 0) & (points <= 1)).all(dim=-1)
        weight = (visible.bool() & inside).to(log_probabilities.dtype)
        target = gaussian_target(points, *map_size, self.sigma)
        entropy = -(target * log_probabilities).sum(dim=-1) * weight
        per_sample = entropy.sum(dim=-1) / weight.sum(dim=-1).clamp(min=1)
        return self.loss_weight * per_sample.mean()
