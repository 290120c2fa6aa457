"""L_NC: an image's heatmaps show what corresponds to the other image's points."""

from __future__ import annotations

from mmpose.registry import MODELS
from torch import Tensor, nn

from kpt_plugins.models.layers.gaussian_maps import gaussian_error


def correspondence_consistency_loss(
    heatmaps: Tensor, transferred: Tensor, weights: Tensor, sigma: float
) -> Tensor:
    r"""Mean over pairs of equation 4.

    .. math:: \frac1N \sum_n [ V_r[n] e(H_i[n], G(\tilde P_i[n]))
        + V_i[n] e(H_r[n], G(\tilde P_r[n])) ]

    Args:
        heatmaps (Tensor): (B, 2, N, h, w).
        transferred (Tensor): (B, 2, N, 2), in each image what corresponds to the other one's
            points, fractions of the crop; without gradient.
        weights (Tensor): (B, 2, N), the visibilities in the other image; without gradient, lest
            the loss be lowered by hiding keypoints.
        sigma (float): Standard deviation of the Gaussians in cells.

    Returns:
        Tensor: Scalar.
    """
    error = gaussian_error(heatmaps, transferred, sigma) * weights.detach()
    return error.mean(dim=-1).sum() / max(len(heatmaps), 1)


@MODELS.register_module()
class CorrespondenceConsistencyLoss(nn.Module):
    """:func:`correspondence_consistency_loss` times ``loss_weight``, of trusted matches.

    Args:
        loss_weight (float): gamma. Not to be used alone: without a pull to key places points
            become repeatable but slide away.
        max_cycle (float | None): Largest distance in cells between a point and its match's match.
        min_cosine (float | None): Least cosine of a match.
    """

    def __init__(
        self,
        loss_weight: float = 0.2,
        max_cycle: float | None = None,
        min_cosine: float | None = None,
    ) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.max_cycle = max_cycle
        self.min_cosine = min_cosine

    def forward(
        self,
        heatmaps: Tensor,
        transferred: Tensor,
        visibility: Tensor,
        cosine: Tensor,
        sigma: float,
        cycle: Tensor | None = None,
    ) -> Tensor:
        """As :func:`correspondence_consistency_loss`.

        Args:
            visibility (Tensor): (B, 2, N), in the other image.
            cosine (Tensor): (B, 2, N), of the matches.
            cycle (Tensor | None): (B, 2, N), in cells, between the other image's points and the
                matches of the matches; needed with ``max_cycle``.
        """
        weights = visibility
        if self.min_cosine is not None:
            weights = weights * (cosine >= self.min_cosine)
        if self.max_cycle is not None:
            weights = weights * (cycle <= self.max_cycle)
        return self.loss_weight * correspondence_consistency_loss(
            heatmaps, transferred, weights, sigma
        )
