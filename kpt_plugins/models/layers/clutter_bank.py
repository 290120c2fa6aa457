"""Features of what is no keypoint."""

from __future__ import annotations

import torch
from mmengine.dist import all_gather, get_world_size
from mmpose.registry import MODELS
from torch import Tensor

from .feature_bank import FeatureBank


@MODELS.register_module()
class ClutterBank(FeatureBank):
    """The latest features of clutter, in a ring (CoKe).

    Features of all processes go in, in the order of the ranks, so all banks stay equal.

    Buffers: ``mem`` float32 (M, D), ``ptr`` and ``filled`` int64 scalars: where the next feature
    goes, and how many rows hold one. Rows not yet filled are zero.

    Args:
        size (int): Rows M.
        feat_dim (int): Length D of a feature.

    Raises:
        ValueError: If ``size`` is below 1, or a checkpoint of another size is loaded.
    """

    counted, row_name = 'mem', 'clutter features'
    fields = 'model.head.clutter.size and model.head.feat_dim'

    def __init__(self, size: int = 2560, feat_dim: int = 128) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(f'size is {size}; expected 1 or more rows (clutter=None goes without)')
        self.register_buffer('mem', torch.zeros(size, feat_dim))
        self.register_buffer('ptr', torch.zeros((), dtype=torch.int64))
        self.register_buffer('filled', torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def push(self, features: Tensor) -> None:
        """Overwrite the oldest rows by features (N, D) of length one, N as each process likes."""
        features = gather_rows(features.detach().float())
        size, number = len(self.mem), len(features)
        start = max(number - size, 0)
        places = torch.arange(start, number, device=features.device).add_(self.ptr) % size
        self.mem.index_copy_(0, places, features[start:])
        self.ptr.add_(number).remainder_(size)
        self.filled.add_(number).clamp_(max=size)

    @torch.no_grad()
    def clear(self) -> None:
        """Forget all features."""
        for buffer in self.buffers():
            buffer.zero_()

    def reach(self, prototypes: Tensor, share: float = 0.01) -> Tensor:
        """The cosine that so large a share of the clutter exceeds with each prototype.

        Args:
            prototypes (Tensor): (R, D).
            share (float): Between 0 and 1.

        Returns:
            Tensor: (R,), zero while the bank is empty.
        """
        if not self.filled:
            return prototypes.new_zeros(len(prototypes))
        clutter = self.mem[: int(self.filled)]
        # One by one: to the last bit, a prototype's value must not depend on how many there are.
        cosines = torch.stack([clutter @ prototype for prototype in prototypes])
        return cosines.quantile(1 - share, dim=1)


def gather_rows(rows: Tensor) -> Tensor:
    """Rows (N, D) of all processes, one rank's after the other; N may differ between them."""
    if get_world_size() == 1:
        return rows
    numbers = torch.stack(all_gather(torch.tensor(len(rows), device=rows.device))).tolist()
    padded = rows.new_zeros(max(numbers), rows.shape[1])
    padded[: len(rows)] = rows
    gathered = zip(all_gather(padded), numbers, strict=True)
    return torch.cat([part[:number] for part, number in gathered])
