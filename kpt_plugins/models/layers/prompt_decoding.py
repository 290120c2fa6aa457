"""From prompts' heatmaps to their points and visibilities."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from kpt_plugins.models.layers.local_window import local_window, window_mean
from kpt_plugins.models.layers.similarity_proposal import cell_centres

MODES = ('local', 'global')
# Least value of a cell within the window, so that a map of zeros has a point too.
EPS = 1e-6


class Prompts(NamedTuple):
    """Points (B, N, 2) as fractions of the crop and visibilities (B, N) of prompts."""

    points: Tensor
    visibility: Tensor


def decode_prompts(
    heatmaps: Tensor, sigma: float, mode: str = 'local', temperature: float = 0.03
) -> Prompts:
    """Soft-argmax and maximum of heatmaps.

    Args:
        heatmaps (Tensor): (B, N, h, w) in [0, 1].
        sigma (float): Standard deviation, in cells, of the Gaussians they are trained to show.
        mode (str): ``'local'``, the mean place under the map in a window of 2 sigma around its
            peak; ``'global'``, the mean place under a softmax over all cells.
        temperature (float): Of that softmax; a blunt one pulls points to the centre.

    Returns:
        Prompts: Both differentiable with respect to the heatmaps.

    Raises:
        ValueError: For another mode.
    """
    height, width = heatmaps.shape[-2:]
    flat = heatmaps.flatten(-2)
    peak, best = flat.max(dim=-1)
    if mode == 'local':
        radius = math.ceil(2 * sigma)
        window = local_window(best // width, best % width, radius, height, width)
        values = flat.gather(-1, window.index)
        return Prompts(window_mean(values.clamp(min=EPS), window, height, width), peak)
    if mode != 'global':
        raise ValueError(f'softargmax is {mode!r}; expected one of {MODES}')
    share = (flat / temperature).softmax(dim=-1)
    points = share @ cell_centres(height, width, flat.device).to(share)
    return Prompts(points, peak)
