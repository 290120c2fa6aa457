"""MMPose's decoding of heatmaps as tensor operations, so that it can be part of a graph."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import torch
import torch.nn.functional as F
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from mmpose.codecs.base import BaseKeypointCodec
from torch import Tensor, nn


class HeatmapPeaks(nn.Module):
    """Keypoints and scores of heatmaps, as a codec of MMPose decodes them.

    Args:
        codec (BaseKeypointCodec): ``MSRAHeatmap``, biased (a quarter of a cell towards the larger
            neighbour) or unbiased (DARK), or ``UDPHeatmap`` of type ``'gaussian'`` (DARK for UDP).

    Attributes:
        refinement (str): What is done beside taking the largest cell, in words.

    Raises:
        ValueError: For another codec.
    """

    def __init__(self, codec: BaseKeypointCodec) -> None:
        super().__init__()
        self.refinement, self._refine = _refinement(codec)
        scale = torch.tensor(codec.input_size, dtype=torch.float32)
        cells = torch.tensor(codec.heatmap_size, dtype=torch.float32)
        self.register_buffer(
            'scale',
            scale / (cells - 1)
            if isinstance(codec, UDPHeatmap)
            else torch.as_tensor(codec.scale_factor, dtype=torch.float32),
        )
        size = getattr(codec, 'blur_kernel_size', 11)
        self.register_buffer('kernel', torch.from_numpy(cv2.getGaussianKernel(size, 0)).float())

    def forward(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Keypoints (B, K, 2) in input pixels and scores (B, K) of heatmaps (B, K, h, w).

        The keypoint of a heatmap without a positive value is a cell outside, (-1, -1).
        """
        scores, index = heatmaps.flatten(2).max(dim=-1)
        width = heatmaps.shape[-1]
        cells = torch.stack([index % width, index // width], dim=-1)
        points = cells + self._refine(heatmaps, cells, self.kernel)
        points = torch.where(scores[..., None] > 0, points, -torch.ones_like(points))
        return points * self.scale, scores


Refine = Callable[[Tensor, Tensor, Tensor], Tensor]


def _refinement(codec: BaseKeypointCodec) -> tuple[str, Refine]:
    if type(codec) is MSRAHeatmap:
        if codec.unbiased:
            return 'DARK: Newton step on the logarithm of the blurred heatmap', dark_offset
        return 'a quarter of a cell towards the larger neighbour', quarter_offset
    if type(codec) is UDPHeatmap and codec.heatmap_type == 'gaussian':
        return 'DARK for UDP: Newton step on the logarithm of the blurred heatmap', udp_offset
    kind = f' of type {codec.heatmap_type!r}' if isinstance(codec, UDPHeatmap) else ''
    raise ValueError(
        f'head.decoder is {type(codec).__name__}{kind}, which has no export; expected MSRAHeatmap, '
        f"UDPHeatmap of type 'gaussian' or, for CoKe, PrototypeCellCodec"
    )


def quarter_offset(heatmaps: Tensor, cells: Tensor, kernel: Tensor) -> Tensor:
    """Offsets (B, K, 2) of 0 or a quarter of a cell; see ``refine_keypoints`` of MMPose.

    Args:
        heatmaps: (B, K, h, w).
        cells: int64 (B, K, 2), column and row of the peak.
        kernel: Not used.
    """
    height, width = heatmaps.shape[-2:]
    value = _neighbours(heatmaps, cells)
    x, y = cells.unbind(dim=-1)
    # The bounds are MMPose's, odd as they are: column 1 and row 1 count as the border.
    has_x = (x > 1) & (x < width - 1) & (y > 0)
    has_y = (y > 1) & (y < height - 1) & (x > 0)
    dx = torch.where(has_x, value(1, 0) - value(-1, 0), 0.0)
    dy = torch.where(has_y, value(0, 1) - value(0, -1), 0.0)
    return 0.25 * torch.stack([dx, dy], dim=-1).sign()


def dark_offset(heatmaps: Tensor, cells: Tensor, kernel: Tensor) -> Tensor:
    """Newton steps (B, K, 2); see ``refine_keypoints_dark`` of MMPose. Zero near the border.

    Args:
        heatmaps, cells: As of :func:`quarter_offset`.
        kernel: (k, 1), along an axis.
    """
    height, width = heatmaps.shape[-2:]
    value = _neighbours(blur(heatmaps, kernel).clamp(min=1e-10).log(), cells)
    dx = 0.5 * (value(1, 0) - value(-1, 0))
    dy = 0.5 * (value(0, 1) - value(0, -1))
    dxx = 0.25 * (value(2, 0) - 2 * value(0, 0) + value(-2, 0))
    dyy = 0.25 * (value(0, 2) - 2 * value(0, 0) + value(0, -2))
    dxy = 0.25 * (value(1, 1) - value(1, -1) - value(-1, 1) + value(-1, -1))
    x, y = cells.unbind(dim=-1)
    inner = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    step = _newton(dx, dy, dxx, dxy, dyy)
    return torch.where(inner[..., None], step, torch.zeros_like(step))


def udp_offset(heatmaps: Tensor, cells: Tensor, kernel: Tensor) -> Tensor:
    """Newton steps (B, K, 2); see ``refine_keypoints_dark_udp`` of MMPose.

    Arguments as of :func:`dark_offset`.
    """
    # clamping the neighbours' cells is the padding by the border's values
    value = _neighbours(blur(heatmaps, kernel).clamp(1e-3, 50.0).log(), cells)
    dx = 0.5 * (value(1, 0) - value(-1, 0))
    dy = 0.5 * (value(0, 1) - value(0, -1))
    eps = torch.finfo(torch.float32).eps
    dxx = value(1, 0) - 2 * value(0, 0) + value(-1, 0) + eps
    dyy = value(0, 1) - 2 * value(0, 0) + value(0, -1) + eps
    # in MMPose's order of summation
    dxy = value(1, 1) - value(1, 0) - value(0, 1) + value(0, 0)
    dxy = 0.5 * (dxy + value(0, 0) - value(-1, 0) - value(0, -1) + value(-1, -1))
    return _newton(dx, dy, dxx, dxy, dyy)


def blur(heatmaps: Tensor, kernel: Tensor) -> Tensor:
    """Gaussian blur of heatmaps (B, K, h, w), zero outside, each scaled to its old maximum."""
    height, width = heatmaps.shape[-2:]
    size = kernel.shape[0]
    maps = heatmaps.reshape(-1, 1, height, width)
    maps = F.conv2d(maps, kernel.view(1, 1, size, 1), padding=(size // 2, 0))
    maps = F.conv2d(maps, kernel.view(1, 1, 1, size), padding=(0, size // 2))
    blurred = maps.view(heatmaps.shape)
    return blurred * (heatmaps.amax((-2, -1), True) / blurred.amax((-2, -1), True))


def _newton(dx: Tensor, dy: Tensor, dxx: Tensor, dxy: Tensor, dyy: Tensor) -> Tensor:
    """``-H^-1 d``, zero where the Hessian cannot be inverted."""
    determinant = dxx * dyy - dxy * dxy
    step = torch.stack([dyy * dx - dxy * dy, dxx * dy - dxy * dx], dim=-1)
    return torch.where(
        determinant[..., None] != 0, -step / determinant[..., None], torch.zeros_like(step)
    )


def _neighbours(maps: Tensor, cells: Tensor) -> Callable[[int, int], Tensor]:
    """Values (B, K) of the cells so many columns and rows from given ones, within the map."""
    height, width = maps.shape[-2:]
    flat = maps.flatten(2)

    def value(right: int, down: int) -> Tensor:
        x = (cells[..., 0] + right).clamp(0, width - 1)
        y = (cells[..., 1] + down).clamp(0, height - 1)
        return flat.gather(2, (y * width + x)[..., None]).squeeze(-1)

    return value
