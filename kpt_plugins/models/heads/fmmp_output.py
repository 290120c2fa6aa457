"""What FMMP says about queries, and how sure it is."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kpt_plugins.models.layers.similarity_proposal import cell_centres

# Fraction of the crop within which the proposal's probability speaks for a prediction.
NEAR = 0.1


@dataclass
class FMMPOutput:
    """Points (L, B, K, 2) of every layer as fractions of the crop; log-probabilities
    (B, K, H * W) over a map of ``map_size`` (H, W) and points (B, K, 2) of the proposal where there
    is one."""

    points: Tensor
    proposal: Tensor | None = None
    proposal_points: Tensor | None = None
    map_size: tuple[int, int] | None = None


def confidence(output: FMMPOutput) -> Tensor:
    """Scores (B, K) in [0, 1] that fall with the expected error.

    How little the recurrence still moved the points, times, where there is a proposal, how much of
    its probability lies around the prediction.
    """
    points = output.points
    score = torch.exp(-(points[:-1] - points[-1]).norm(dim=-1).sum(dim=0) / 0.1)
    if output.proposal is not None:
        height, width = output.map_size
        cells = cell_centres(height, width, points.device)
        near = torch.cdist(points[-1].float(), cells[None].float()) < NEAR
        score = score * (output.proposal.exp() * near).sum(dim=-1)
    return score
