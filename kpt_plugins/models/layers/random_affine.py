"""Random affine maps of images and of what is predicted in them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def random_affine(
    number: int,
    rotation: float,
    translation: float,
    zoom: float,
    map_size: tuple[int, int],
    device: torch.device | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Matrices (number, 2, 3) that lead from a place of the result to one of the image.

    Places are (x, y, 1) in [-1, 1], as ``affine_grid`` takes them.

    Args:
        number (int): How many.
        rotation (float): Largest angle in degrees, either way.
        translation (float): Largest shift as a fraction of the image's width and height.
        zoom (float): Largest enlargement, at least 1, the least; drawn on a logarithmic scale.
        map_size (tuple[int, int]): Height and width, for rotations of what is not square.
        device (torch.device | None): Where the matrices lie.
        generator (torch.Generator | None): Of that device; PyTorch's default one if None.
    """

    def draw(*size: int) -> Tensor:
        return torch.rand(*size, device=device, generator=generator)

    angle = math.radians(rotation) * (2 * draw(number) - 1)
    scale = (-math.log(zoom) * draw(number)).exp()
    shift = 2 * translation * (2 * draw(number, 2) - 1)
    aspect = map_size[0] / map_size[1]
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rows = [cos, -sin * aspect, shift[:, 0], sin / aspect, cos, shift[:, 1]]
    return torch.stack(rows, dim=-1).unflatten(-1, (2, 3))


def warp(maps: Tensor, matrices: Tensor) -> Tensor:
    """Maps (B, C, h, w) under matrices (B, 2, 3), zero outside."""
    grid = F.affine_grid(matrices.to(maps), list(maps.shape), align_corners=False)
    return F.grid_sample(maps, grid, align_corners=False)


def inverse(matrices: Tensor) -> Tensor:
    """Matrices (B, 2, 3) of the way back."""
    last = matrices.new_tensor([0.0, 0.0, 1.0]).expand(len(matrices), 1, 3)
    return torch.linalg.inv(torch.cat([matrices, last], dim=1))[:, :2]


def warp_mask(matrices: Tensor, map_size: tuple[int, int]) -> Tensor:
    """Bool (B, h, w): which places of the result come from inside the image."""
    grid = F.affine_grid(matrices, [len(matrices), 1, *map_size], align_corners=False)
    return (grid.abs() <= 1).all(dim=-1)
