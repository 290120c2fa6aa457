"""Features at points of a map."""

import torch.nn.functional as F
from torch import Tensor


def sample_features(features: Tensor, points: Tensor) -> Tensor:
    """Bilinear samples of a feature map.

    Pixel centres lie at half integers (``align_corners=False``); outside the map is zero.

    Args:
        features (Tensor): (B, C, H, W).
        points (Tensor): (B, K, 2), x and y as fractions of the map.

    Returns:
        Tensor: (B, K, C), in the precision of ``points``.
    """
    grid = (2 * points - 1)[:, :, None]
    sampled = F.grid_sample(features.to(grid.dtype), grid, align_corners=False)
    return sampled.squeeze(-1).transpose(1, 2)
