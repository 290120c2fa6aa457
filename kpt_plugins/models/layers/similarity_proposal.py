"""A first guess of the keypoints: where the query looks like the support."""

import math

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

# Least norm of a descriptor. A keypoint that no support shows has a zero feature, and 1 / norm is
# the factor of its gradient.
EPS = 0.01


def cell_centres(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Centres (height * width, 2) of a map's cells as fractions of the map, row by row."""
    y = (torch.arange(height, device=device) + 0.5) / height
    x = (torch.arange(width, device=device) + 0.5) / width
    return torch.stack(torch.meshgrid(x, y, indexing='xy'), dim=-1).reshape(-1, 2)


def local_soft_argmax(probabilities: Tensor, height: int, width: int, radius: int) -> Tensor:
    """Expected location (..., 2), as fractions, within ``radius`` cells of the likeliest cell.

    The window keeps a second mode elsewhere, say the same joint of the other leg, from pulling the
    location to the middle. Probabilities are (..., height * width).
    """
    grid = probabilities.unflatten(-1, (height, width))
    best = probabilities.argmax(dim=-1, keepdim=True)
    rows = torch.arange(height, device=grid.device)
    columns = torch.arange(width, device=grid.device)
    near_row = (rows - best // width).abs() <= radius
    near_column = (columns - best % width).abs() <= radius
    window = grid * near_row[..., :, None] * near_column[..., None, :]
    window = window / window.sum(dim=(-2, -1), keepdim=True)
    # sums along the axes, no matrix product: mixed precision would round the location
    x = (window.sum(dim=-2) * ((columns + 0.5) / width)).sum(dim=-1)
    y = (window.sum(dim=-1) * ((rows + 0.5) / height)).sum(dim=-1)
    return torch.stack([x, y], dim=-1)


class SimilarityProposal(BaseModule):
    """Cosine similarity of keypoint features to every cell of a query map.

    Not part of FMMP, whose recurrence starts at the centre of the crop (section 2.4). It gives
    training from scratch a direct signal; compare CapeFormer's proposals.

    Args:
        dims (int): Channels of the keypoint features and of the map.
        temperature (float): Initial temperature of the softmax over cells; learned.
        radius (int): Cells around the likeliest one that share in the location.
    """

    def __init__(self, dims: int, temperature: float = 0.1, radius: int = 2) -> None:
        super().__init__()
        self.radius = radius
        self.keypoint_projection = nn.Linear(dims, dims)
        self.map_projection = nn.Conv2d(dims, dims, 1)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))
        for module in (self.keypoint_projection, self.map_projection):
            nn.init.xavier_uniform_(module.weight.flatten(1))
            nn.init.zeros_(module.bias)

    def forward(self, features: Tensor, feature_map: Tensor) -> Tensor:
        """Log-probabilities (B, K, H * W) of features (B, K, C) over a map (B, C, H, W)."""
        keypoints = F.normalize(self.keypoint_projection(features), dim=-1, eps=EPS)
        cells = F.normalize(self.map_projection(feature_map).flatten(2), dim=1, eps=EPS)
        return (self.log_scale.exp() * keypoints @ cells).float().log_softmax(-1)

    def locate(self, log_probabilities: Tensor, map_size: tuple[int, int]) -> Tensor:
        """Points (B, K, 2), fractions of the map, of log-probabilities (B, K, H * W)."""
        return local_soft_argmax(log_probabilities.exp(), *map_size, self.radius)
