"""The core of multi-scale deformable attention: weighted samples of several maps."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def deformable_sampling(values: Sequence[Tensor], locations: Tensor, weights: Tensor) -> Tensor:
    """Sum of weighted bilinear samples over levels and points, per head.

    Several queries may share one set of values: a batch of B queries on G values with ``B = r G``
    means that queries ``g r .. (g + 1) r - 1`` look at values ``g``.

    Args:
        values (Sequence[Tensor]): One map (G, N * D, H_t, W_t) a level, N heads of D channels.
        locations (Tensor): (B, K, N, T, P, 2), x and y as fractions of the map.
        weights (Tensor): (B, K, N, T, P).

    Returns:
        Tensor: (B, K, N * D).
    """
    batch, num_points, heads, levels, samples, _ = locations.shape
    groups = values[0].shape[0]
    if batch % groups:
        raise ValueError(f'{batch} queries cannot share {groups} sets of values evenly')
    # (G, N, r K, T, P, .): a group's queries lie side by side
    grid = locations.view(groups, -1, heads, levels, samples, 2).transpose(1, 2).flatten(0, 1)
    grid = 2 * grid - 1
    weights = weights.reshape(groups, -1, heads, levels, samples).transpose(1, 2).flatten(0, 1)
    out: Tensor | float = 0.0
    for level, value in enumerate(values):
        maps = value.reshape(groups * heads, -1, *value.shape[-2:])
        sampled = F.grid_sample(maps, grid[:, :, level].to(maps.dtype), align_corners=False)
        out = out + (sampled * weights[:, None, :, level].to(maps.dtype)).sum(dim=-1)
    # (G N, D, r K) -> (B, K, N D)
    out = out.view(groups, heads, -1, batch // groups, num_points)
    return out.permute(0, 3, 4, 1, 2).reshape(batch, num_points, -1)
