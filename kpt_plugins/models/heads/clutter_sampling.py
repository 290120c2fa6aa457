"""Which cells of a feature map are clutter, and which lie in the object's box."""

from __future__ import annotations

import torch
from torch import Tensor


def cells_in_box(corners: Tensor, map_size: tuple[int, int], stride: int) -> Tensor:
    """Cells that a box touches, however it is turned.

    Args:
        corners (Tensor): (B, 4, 2), corners in input pixels, in the order of a walk around the box.
        map_size (tuple[int, int]): Height and width of the map in cells.
        stride (int): Input pixels a cell.

    Returns:
        Tensor: bool (B, h, w). Of a box without an area, or beside the map, all cells: there is
        nothing to choose from.
    """
    height, width = map_size
    corners = (corners + 0.5) / stride
    edges = corners.roll(-1, dims=1) - corners
    # Twice the signed area; its sign tells which side of an edge is inside.
    area = (corners[..., 0] * corners.roll(-1, 1)[..., 1]).sum(1)
    area = area - (corners[..., 1] * corners.roll(-1, 1)[..., 0]).sum(1)
    normal = torch.stack([-edges[..., 1], edges[..., 0]], dim=-1) * area.sign()[:, None, None]
    # The signed distance (not normalised) of a cell's farthest corner is linear in x and y.
    reach = 0.5 * normal.abs().sum(-1) - (normal * corners).sum(-1)
    x = torch.arange(width, device=corners.device) + 0.5
    y = torch.arange(height, device=corners.device) + 0.5
    along = normal[..., :1] * x
    across = normal[..., 1:] * y + reach[..., None]
    inside = (along[:, :, None] + across[..., None] >= 0).all(dim=1)
    return inside | ~inside.flatten(1).any(dim=1)[:, None, None]


def sample_clutter(
    cells: Tensor,
    visible: Tensor,
    map_size: tuple[int, int],
    number: int,
    exclude_radius: int = 1,
    inside: Tensor | None = None,
    inside_share: float = 0.5,
) -> tuple[Tensor, Tensor | None]:
    """Draw cells away from the keypoints, without replacement (CoKe).

    Where the box or its surroundings have too few cells, the others make up for them.

    Args:
        cells (Tensor): int64 (B, K, 2), columns and rows of the keypoints.
        visible (Tensor): bool (B, K); around the others nothing is left out.
        map_size (tuple[int, int]): Height and width of the map in cells.
        number (int): Cells to draw in each image.
        exclude_radius (int): Cells that are at most so many columns and rows from a keypoint are
            left out.
        inside (Tensor | None): bool (B, h, w), the cells of the box; without it all are alike.
        inside_share (float): Share of the drawn cells that lie in the box.

    Returns:
        tuple: Indices int64 (B, number) into the flattened map, and which of them are clutter,
        bool (B, number), or None if all are: on a small map the keypoints may leave too few.
    """
    height, width = map_size
    batch = len(cells)
    span = torch.arange(-exclude_radius, exclude_radius + 1, device=cells.device)
    offsets = torch.cartesian_prod(span, span).view(-1, 2)
    around = (cells[:, :, None] + offsets).flatten(1, 2)
    limit = torch.tensor([width, height], device=cells.device)
    valid = ((around >= 0) & (around < limit)).all(-1)
    valid &= visible.repeat_interleave(len(offsets), dim=1)
    flat = torch.where(valid, around[..., 1] * width + around[..., 0], height * width)
    # Random numbers in [0, 1), lowered where a cell is less wanted; one more for what is no cell.
    rank = torch.rand(batch, height * width + 1, device=cells.device)
    rank = rank.scatter(1, flat, -4.0)[:, :-1]
    if inside is None:
        value, index = rank.topk(number, dim=1)
    else:
        inside = inside.flatten(1)
        first = round(number * inside_share)
        value, index = (rank - (~inside).float()).topk(first, dim=1)
        rest = rank.scatter(1, index, -8.0) - inside.float()
        more = rest.topk(number - first, dim=1)
        value, index = torch.cat([value, more[0]], dim=1), torch.cat([index, more[1]], dim=1)
    if cells.shape[1] * len(offsets) + number <= height * width:
        return index, None
    return index, value > -2
