"""Windows of cells around points of a map, gathered for any number of points at once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class LocalWindow(NamedTuple):
    """Cells around points, S = (2 radius + 1)^2 for each.

    Attributes:
        index (Tensor): int64 (..., S), the cell in the flattened map; any where not ``inside``.
        inside (Tensor): bool (..., S), whether the cell lies in the map.
        centres (Tensor): (..., S, 2), x and y of the cells' centres in cells.
    """

    index: Tensor
    inside: Tensor
    centres: Tensor


def local_window(row: Tensor, column: Tensor, radius: int, height: int, width: int) -> LocalWindow:
    """The window of ``2 radius + 1`` rows and columns around cells (...) of a map."""
    step = torch.arange(-radius, radius + 1, device=row.device)
    rows = (row[..., None, None] + step[:, None]).expand(*row.shape, len(step), len(step))
    columns = (column[..., None, None] + step).expand(*row.shape, len(step), len(step))
    rows, columns = rows.flatten(-2), columns.flatten(-2)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    index = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    return LocalWindow(index, inside, torch.stack([columns, rows], dim=-1) + 0.5)


def window_mean(weights: Tensor, window: LocalWindow, height: int, width: int) -> Tensor:
    """Mean cell centre (..., 2), as fractions of the map, under weights (..., S) >= 0."""
    weights = weights * window.inside
    weights = weights / weights.sum(dim=-1, keepdim=True).clamp(min=1e-12)
    mean = (weights[..., None] * window.centres).sum(dim=-2)
    return mean / mean.new_tensor([width, height])
