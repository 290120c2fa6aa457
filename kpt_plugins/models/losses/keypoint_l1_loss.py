"""L1 distance of keypoints, averaged over the visible ones of each sample."""

from mmpose.registry import MODELS
from torch import Tensor, nn


def keypoint_l1_loss(predictions: Tensor, targets: Tensor, visible: Tensor) -> Tensor:
    r"""Mean over samples of the visible keypoints' mean L1 distance (FMMP, section 4.1).

    .. math:: \frac1B \sum_b \frac{\sum_k v_{bk} \lVert p_{bk} - g_{bk}\rVert_1}
        {\max(\sum_k v_{bk}, 0.1)}

    Args:
        predictions (Tensor): (..., B, K, 2), fractions of the crop; leading dimensions (recurrent
            layers) are summed.
        targets (Tensor): (B, K, 2).
        visible (Tensor): (B, K) boolean or weights.

    Returns:
        Tensor: Scalar.
    """
    visible = visible.to(predictions.dtype)
    distance = (predictions - targets).abs().sum(dim=-1) * visible
    per_sample = distance.sum(dim=-1) / visible.sum(dim=-1).clamp(min=0.1)
    return per_sample.mean(dim=-1).sum()


@MODELS.register_module()
class KeypointL1Loss(nn.Module):
    """:func:`keypoint_l1_loss` times ``loss_weight``."""

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, predictions: Tensor, targets: Tensor, visible: Tensor) -> Tensor:
        return self.loss_weight * keypoint_l1_loss(predictions, targets, visible)
