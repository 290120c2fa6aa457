"""The core of multi-scale deformable attention: weighted samples of several maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from kpt_plugins.models.layers.weighted_rows import weighted_rows


class Tokens(NamedTuple):
    """The cells of several maps as rows: features (G, L, C), and each level's (height, width)."""

    features: Tensor
    sizes: tuple[tuple[int, int], ...]

    @classmethod
    def from_maps(cls, maps: Sequence[Tensor]) -> Tokens:
        """Of maps (G, C, H_t, W_t), level by level, row by row."""
        features = torch.cat([level.flatten(2).transpose(1, 2) for level in maps], dim=1)
        return cls(features, tuple(tuple(level.shape[-2:]) for level in maps))


def deformable_sampling(
    tokens: Tokens, locations: Tensor, weights: Tensor, projection: Tensor, bias: Tensor
) -> Tensor:
    """Weighted sums, over levels and points, of bilinear samples of projected maps.

    Every head reads a linear projection of its own. Projection and sampling commute, so plain
    PyTorch samples first and projects the few samples instead of the many cells; mmcv's compiled
    operator, used for CUDA tensors where it is there, samples projected maps. So do ONNX graphs, by
    ``grid_sample``: they have no ``embedding_bag``, and gathered rows would fill the memory.

    Several queries may share one set of maps: a batch of B queries on G sets with ``B = r G`` means
    that queries ``g r .. (g + 1) r - 1`` look at set ``g``.

    Args:
        tokens (Tokens): Features (G, L, C) of T levels.
        locations (Tensor): (B, K, N, T, P, 2), x and y as fractions of the map, of N heads. Pixel
            centres lie at half integers (``align_corners=False``); outside the map is zero.
        weights (Tensor): (B, K, N, T, P).
        projection (Tensor): (N * D, C).
        bias (Tensor): (N * D,), added to every cell.

    Returns:
        Tensor: (B, K, N * D).
    """
    # no len() here: it would fix the batch of an exported graph
    groups, batch = tokens.features.shape[0], locations.shape[0]
    if batch % groups:
        raise ValueError(f'{batch} queries cannot share {groups} sets of maps evenly')
    if torch.onnx.is_in_onnx_export():
        operator = _grid_operator(tokens.sizes)
    else:
        operator = compiled_operator() if locations.is_cuda else None
    if operator is None:
        return _sample_then_project(tokens, locations, weights, projection, bias)
    return _project_then_sample(operator, tokens, locations, weights, projection, bias)


def bilinear_corners(points: Tensor, sizes: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """The four cells around each point, and their shares of it.

    Args:
        points (Tensor): (2, Q, T * P): x and y as fractions of the maps of T levels.
        sizes (Sequence[tuple[int, int]]): Height and width of the levels.

    Returns:
        tuple[Tensor, Tensor]: Rows (Q, 4 * T * P) int32 among the cells of all levels, and shares
        of the same shape. A cell outside its map has no share and the row of a cell inside.
    """
    repeat = points.shape[-1] // len(sizes)
    sizes = torch.tensor(sizes, dtype=torch.int32, device=points.device)
    cells = sizes.prod(dim=1, dtype=torch.int32)
    start = (cells.cumsum(dim=0, dtype=torch.int32) - cells).repeat_interleave(repeat)
    last = sizes.flip(1).T.repeat_interleave(repeat, dim=1)[:, None] - 1

    # axes in front and corners apart: the inner loops stay long
    place = points * (last + 1) - 0.5
    low = place.detach().floor()
    fraction = place - low

    def corner(cell: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        inside = (cell >= 0) & (cell <= last)
        # an integer before it is clamped: a NaN must not become a row that is not there
        return torch.minimum(cell.int().clamp(min=0), last), share * inside

    (x0, y0), (share_x0, share_y0) = corner(low, 1 - fraction)
    (x1, y1), (share_x1, share_y1) = corner(low + 1, fraction)
    y0, y1 = (y * (last[0] + 1) + start for y in (y0, y1))
    rows = torch.cat([y0 + x0, y0 + x1, y1 + x0, y1 + x1], dim=-1)
    share = [y * x for y in (share_y0, share_y1) for x in (share_x0, share_x1)]
    return rows, torch.cat(share, dim=-1)


def _sample_then_project(
    tokens: Tokens, locations: Tensor, weights: Tensor, projection: Tensor, bias: Tensor
) -> Tensor:
    batch, size, heads = locations.shape[:3]
    groups, length, channels = tokens.features.shape
    # heads first, as the projection of one after the other wants them
    points = locations.permute(5, 2, 0, 1, 3, 4).flatten(4).flatten(1, 3)
    weights = weights.permute(2, 0, 1, 3, 4).flatten(3).flatten(0, 2).to(points.dtype)
    rows, shares = bilinear_corners(points, tokens.sizes)
    shares = shares * weights.repeat(1, 4)
    first = torch.arange(groups, dtype=rows.dtype, device=rows.device) * length
    first = first.repeat_interleave(batch // groups * size).repeat(heads)
    rows += first[:, None]

    sampled = weighted_rows(tokens.features.flatten(0, 1).to(shares.dtype), rows, shares)
    out = sampled.view(heads, -1, channels) @ projection.view(heads, -1, channels).mT
    # the bias counts as often as there was a cell to project
    out = out + shares.sum(dim=-1).view(heads, -1, 1) * bias.view(heads, 1, -1)
    return out.transpose(0, 1).reshape(batch, size, -1)


def _project_then_sample(
    operator: Callable,
    tokens: Tokens,
    locations: Tensor,
    weights: Tensor,
    projection: Tensor,
    bias: Tensor,
) -> Tensor:
    batch, size, heads = locations.shape[:3]
    groups = tokens.features.shape[0]
    values = F.linear(tokens.features, projection, bias).to(locations.dtype)
    sizes = torch.tensor(tokens.sizes, device=values.device)
    cells = sizes.prod(dim=1)
    out = operator(
        values.unflatten(-1, (heads, -1)),
        sizes,
        cells.cumsum(dim=0) - cells,
        locations.reshape(groups, -1, *locations.shape[2:]).contiguous(),
        weights.to(locations.dtype).reshape(groups, -1, *weights.shape[2:]).contiguous(),
        groups,
    )
    return out.view(batch, size, -1)


def _grid_operator(sizes: Sequence[tuple[int, int]]) -> Callable:
    """What the compiled operator does, of grid samples from maps of these sizes."""
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

    def operator(values, _sizes, _starts, locations, weights, _step) -> Tensor:
        return multi_scale_deformable_attn_pytorch(values, sizes, locations, weights)

    return operator


@lru_cache(maxsize=1)
def compiled_operator() -> Callable | None:
    """mmcv's multi-scale deformable attention for CUDA; None where it is not compiled."""
    try:
        from mmcv.ops import get_compiling_cuda_version
        from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction
    except ImportError:
        return None
    if get_compiling_cuda_version() == 'not available':
        return None
    return MultiScaleDeformableAttnFunction.apply
