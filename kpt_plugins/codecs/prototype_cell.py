"""Keypoints as cells of a feature map."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor


@KEYPOINT_CODECS.register_module()
class PrototypeCellCodec(BaseKeypointCodec):
    """The cell of a feature map that contains a keypoint, and the peak of a response map (CoKe).

    Input pixels count as in MMPose: the centre of the first one is 0. Cell ``i`` covers
    ``stride`` pixels, so its centre is the pixel ``(i + 0.5) * stride - 0.5``; MMPose's heatmap
    codecs leave the half cell out, which costs up to 4 pixels at stride 8.

    Args:
        input_size (tuple[int, int]): Width and height of the model's input in pixels.
        stride (int): Pixels a cell, along each axis.
        refine (str | None): ``'quadratic'`` puts a parabola through the peak and its neighbours,
            along each axis; ``'mean'`` takes the place around which most of the response lies
            (:func:`mean_peaks`); ``None`` answers with the centre of the cell.
        sigma (float): In cells, of ``'mean'``.
        temperature (float): Divides the responses, of ``'mean'``.

    Raises:
        ValueError: If the input is not a whole number of cells, ``refine`` is unknown, or
            ``sigma`` or ``temperature`` is not positive.
    """

    label_mapping_table = dict(
        keypoint_labels='keypoint_labels',
        keypoint_positions='keypoint_positions',
        keypoint_weights='keypoint_weights',
    )

    def __init__(
        self,
        input_size: tuple[int, int],
        stride: int = 8,
        refine: str | None = 'quadratic',
        sigma: float = 2.0,
        temperature: float = 0.07,
    ) -> None:
        if stride < 1 or any(size < stride or size % stride for size in input_size):
            raise ValueError(
                f'input_size is {tuple(input_size)} and stride is {stride}; expected a width and a '
                f'height in pixels that are multiples of a positive stride'
            )
        if refine not in ('quadratic', 'mean', None):
            raise ValueError(f"refine is {refine!r}; expected 'quadratic', 'mean' or None")
        if sigma <= 0 or temperature <= 0:
            raise ValueError(
                f'sigma is {sigma} and temperature is {temperature}; expected positive numbers'
            )
        self.input_size = tuple(input_size)
        self.stride = stride
        self.refine = refine
        self.sigma = sigma
        self.temperature = temperature

    @property
    def map_size(self) -> tuple[int, int]:
        """Width and height of the feature map in cells."""
        return self.input_size[0] // self.stride, self.input_size[1] // self.stride

    def encode(
        self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Cells of keypoints.

        Args:
            keypoints (np.ndarray): (N, K, 2), input pixels.
            keypoints_visible (np.ndarray | None): (N, K), above zero where labelled; all are
                without it.

        Returns:
            dict: ``keypoint_labels`` int64 (N, K, 2), column and row of the cell;
            ``keypoint_positions`` float32 (N, K, 2), the keypoint in cells, with cell centres at
            half integers; ``keypoint_weights`` float32 (N, K), 1, or 0 where a keypoint is not
            labelled or not on the map. Labels and positions are then those of the nearest cell.
        """
        if keypoints_visible is None:
            keypoints_visible = np.ones(keypoints.shape[:2], dtype=np.float32)
        size = np.array(self.map_size)
        positions = (keypoints + 0.5) / self.stride
        inside = ((positions >= 0) & (positions < size)).all(axis=-1)
        positions = np.clip(np.nan_to_num(positions), 0, size)
        return dict(
            keypoint_labels=np.minimum(positions.astype(np.int64), size - 1),
            keypoint_positions=positions.astype(np.float32),
            keypoint_weights=(inside & (keypoints_visible > 0)).astype(np.float32),
        )

    def decode(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keypoints (1, K, 2) in input pixels and peak values (1, K) of maps (K, h, w)."""
        keypoints, values, _ = self.locate(torch.as_tensor(encoded)[None])
        return keypoints.numpy(), values.numpy()

    def batch_decode(self, batch_encoded: Tensor) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """What :meth:`decode` gives, for each of B images, from maps ``Tensor (B, K, h, w)``."""
        keypoints, values, _ = self.locate(batch_encoded.detach())
        return list(keypoints[:, None].cpu().numpy()), list(values[:, None].cpu().numpy())

    def locate(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Peaks of response maps, whatever their sign.

        Args:
            maps (Tensor): (B, K, h, w); minus infinity where no peak may be.

        Returns:
            tuple: Keypoints (B, K, 2) in input pixels, values of the peaks (B, K), and their cells
            (B, K) as indices into the flattened map.
        """
        width = maps.shape[-1]
        if self.refine == 'mean':
            points, values, index = mean_peaks(maps.float(), self.sigma, self.temperature)
            return points * self.stride - 0.5, values, index
        flat = maps.float().flatten(2)
        values, index = flat.max(dim=-1)
        cells = torch.stack([index % width, index // width], dim=-1)
        points = cells + 0.5
        if self.refine == 'quadratic':
            points = points + _parabola_offset(flat, values, index, cells, maps.shape[-2:])
        return points * self.stride - 0.5, values, index


def mean_peaks(maps: Tensor, sigma: float, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    """Places around which most of a response lies.

    The softmax of a map over its cells is smoothed by a Gaussian; around the cell where that is
    highest, the mean place under the softmax is the keypoint. A lone high cell loses against a
    neighbourhood of slightly lower ones.

    Args:
        maps (Tensor): (B, K, h, w); minus infinity where no peak may be.
        sigma (float): Of the Gaussian, in cells; the mean is taken over 1.5 of them to each side.
        temperature (float): Of the softmax.

    Returns:
        tuple: Places (B, K, 2) in cells, cell centres at half integers; the largest response
        (B, K) of those that the mean is taken over; and its cell (B, K), as an index.
    """
    height, width = maps.shape[-2:]
    weights = ((maps - maps.amax(dim=(-2, -1), keepdim=True)) / temperature).exp()
    smooth = torch.where(maps > -torch.inf, _blur(weights, sigma), -1.0)
    centre = smooth.flatten(2).argmax(dim=-1)
    radius = math.ceil(1.5 * sigma)
    steps = torch.arange(-radius, radius + 1, device=maps.device)
    rows = (centre // width)[..., None, None] + steps[:, None]
    columns = (centre % width)[..., None, None] + steps
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    index = (rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)).flatten(2)
    near = weights.flatten(2).gather(-1, index).view(inside.shape) * inside
    near = near / near.sum(dim=(-2, -1), keepdim=True)
    x = (near.sum(dim=-2) * (columns[..., 0, :] + 0.5)).sum(dim=-1)
    y = (near.sum(dim=-1) * (rows[..., 0] + 0.5)).sum(dim=-1)
    values, best = maps.flatten(2).gather(-1, index).max(dim=-1)
    return torch.stack([x, y], dim=-1), values, index.gather(-1, best[..., None]).squeeze(-1)


def _blur(maps: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of maps (B, K, h, w), zero outside."""
    radius = math.ceil(3 * sigma)
    steps = torch.arange(-radius, radius + 1, dtype=maps.dtype, device=maps.device)
    kernel = (-(steps**2) / (2 * sigma**2)).exp()
    flat = maps.flatten(0, 1)[:, None]
    flat = F.conv2d(flat, kernel.view(1, 1, 1, -1), padding=(0, radius))
    flat = F.conv2d(flat, kernel.view(1, 1, -1, 1), padding=(radius, 0))
    return flat.view(maps.shape)


def _parabola_offset(
    flat: Tensor, peak: Tensor, index: Tensor, cells: Tensor, size: tuple[int, int]
) -> Tensor:
    """Where the parabola through a peak and its two neighbours is highest, (B, K, 2) in cells.

    Zero along an axis on which a neighbour is missing or forbidden.
    """
    height, width = size
    step = torch.tensor([1, width], device=flat.device)
    last = torch.tensor([width - 1, height - 1], device=flat.device)
    has_both = (cells > 0) & (cells < last)
    step = torch.where(has_both, step, torch.zeros_like(step))
    before = flat.gather(-1, index[..., None] - step)
    after = flat.gather(-1, index[..., None] + step)
    bend = 2 * peak[..., None] - before - after
    offset = 0.5 * (after - before) / bend
    return torch.where(bend.isfinite() & (bend > 0), offset, torch.zeros_like(offset))
