"""Gaussians of peak one at points of a map, and the error of maps against them."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def gaussian_energy(sigma: float) -> float:
    """Sum of squares of a Gaussian of peak one, away from the border: pi sigma^2."""
    return math.pi * sigma**2


def gaussian_profiles(
    points: Tensor, height: int, width: int, sigma: float
) -> tuple[Tensor, Tensor]:
    """The Gaussian's factors along the rows (..., height) and the columns (..., width).

    Their outer product is :func:`gaussian_maps`.

    Args:
        points (Tensor): (..., 2), x and y as fractions of the map.
        height, width (int): Size of the map.
        sigma (float): Standard deviation in cells.
    """

    def along(centre: Tensor, size: int) -> Tensor:
        cells = torch.arange(size, device=points.device) + 0.5
        return (-0.5 * ((cells - size * centre[..., None]) / sigma).square()).exp()

    return along(points[..., 1], height), along(points[..., 0], width)


def gaussian_maps(points: Tensor, height: int, width: int, sigma: float) -> Tensor:
    """Gaussians (..., height, width) of peak one, not cut off, at points (..., 2).

    Arguments as of :func:`gaussian_profiles`; cell centres lie at half integers.
    """
    rows, columns = gaussian_profiles(points, height, width, sigma)
    return rows[..., :, None] * columns[..., None, :]


def map_error(maps: Tensor, targets: Tensor, sigma: float, mask: Tensor | None = None) -> Tensor:
    r"""Energy-normalised squared error :math:`e(A, B) = \lVert A - B\rVert^2 / (\pi\sigma^2)`.

    It does not depend on the resolution: a map of zeros costs about 1 against one Gaussian.

    Args:
        maps, targets (Tensor): (..., h, w).
        sigma (float): Standard deviation, in cells, of the Gaussians that the maps show.
        mask (Tensor | None): Which cells count, broadcast to the maps.

    Returns:
        Tensor: (...).
    """
    squared = (maps - targets).square()
    if mask is not None:
        squared = squared * mask
    return squared.sum(dim=(-2, -1)) / gaussian_energy(sigma)


def gaussian_error(maps: Tensor, points: Tensor, sigma: float) -> Tensor:
    """:func:`map_error` of maps (..., h, w) against the Gaussians at points (..., 2).

    The Gaussians are not drawn: with their factors r and c the squared distance is
    ``|A|^2 - 2 r A c + |r|^2 |c|^2``.

    Returns:
        Tensor: (...); the points get no gradient.
    """
    rows, columns = gaussian_profiles(points.detach(), *maps.shape[-2:], sigma)
    product = ((maps @ columns[..., None]).squeeze(-1) * rows).sum(dim=-1)
    own = rows.square().sum(dim=-1) * columns.square().sum(dim=-1)
    return (maps.square().sum(dim=(-2, -1)) - 2 * product + own) / gaussian_energy(sigma)
