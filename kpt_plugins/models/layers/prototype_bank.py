"""One feature vector for each keypoint, averaged over its instances."""

from __future__ import annotations

import torch
from mmengine.dist import all_reduce
from mmpose.registry import MODELS
from torch import Tensor

from .feature_bank import FeatureBank, unit


@MODELS.register_module()
class PrototypeBank(FeatureBank):
    """Prototypes of keypoints, which follow the features of the training instances (CoKe).

    With ``m`` instances of a keypoint in a batch, of mean ``f``, its prototype becomes the
    direction of ``mu``, where

    * ``mode='ema'``: ``mu = momentum * theta + (1 - momentum) * f``, as in all public code;
    * ``mode='cma'``: ``mu = (n * mu + m * f) / (n + m)`` and ``n = min(n + m, n_max)``, the
      cumulative moving average of the paper (WACV 2023).

    A keypoint without an instance in the batch keeps its prototype. Instances of all processes
    count; the banks of all processes stay equal. A keypoint that was never seen has the
    prototype zero, which responds to nothing.

    Buffers: ``theta`` and ``mu`` float32 (R, D), ``count`` int64 (R,), with the row
    ``category * num_keypoints + keypoint``.

    Args:
        num_keypoints (int): Keypoints of a category.
        feat_dim (int): Length D of a feature.
        mode (str): ``'ema'`` or ``'cma'``.
        momentum (float): Of mode ``ema``, at least 0 and below 1.
        reset (str): ``'epoch'`` lets mode ``cma`` start anew with every epoch, in which
            :class:`BankResetHook` is needed, because old features come from an older extractor;
            ``'never'``.
        n_max (int | None): Of mode ``cma``: instances that count at most, so that new ones keep
            their influence.
        num_classes (int): Categories.

    Raises:
        ValueError: For an unknown mode or reset, a momentum outside [0, 1), a reset or ``n_max``
            without mode ``cma``, or when a checkpoint with another number of prototypes is loaded.
    """

    counted, row_name = 'theta', 'prototypes'
    fields = 'model.head.num_keypoints, num_classes and feat_dim'

    def __init__(
        self,
        num_keypoints: int,
        feat_dim: int = 128,
        mode: str = 'ema',
        momentum: float = 0.9,
        reset: str = 'never',
        n_max: int | None = None,
        num_classes: int = 1,
    ) -> None:
        super().__init__()
        if mode not in ('ema', 'cma'):
            raise ValueError(f"mode is {mode!r}; expected 'ema' or 'cma'")
        if not 0 <= momentum < 1:
            raise ValueError(f'momentum is {momentum}; expected at least 0 and below 1')
        if reset not in ('never', 'epoch'):
            raise ValueError(f"reset is {reset!r}; expected 'never' or 'epoch'")
        if mode == 'ema' and (reset != 'never' or n_max is not None):
            raise ValueError(
                f"mode is 'ema' with reset={reset!r} and n_max={n_max}; these belong to mode 'cma'"
            )
        if n_max is not None and n_max < 1:
            raise ValueError(f'n_max is {n_max}; expected 1 or more, or None')
        self.num_keypoints = num_keypoints
        self.num_classes = num_classes
        self.mode = mode
        self.momentum = momentum
        self.reset = reset
        self.n_max = n_max
        rows = num_classes * num_keypoints
        self.register_buffer('theta', torch.zeros(rows, feat_dim))
        self.register_buffer('mu', torch.zeros(rows, feat_dim))
        self.register_buffer('count', torch.zeros(rows, dtype=torch.int64))

    def prototypes(self, classes: Tensor | None = None) -> Tensor:
        """A copy of the prototypes, which later updates do not touch.

        Args:
            classes (Tensor | None): int64 (B,), the category of each image.

        Returns:
            Tensor: (B, K, D); without ``classes`` all rows (R, D).
        """
        if classes is None:
            return self.theta.clone()
        return self.theta.view(self.num_classes, self.num_keypoints, -1)[classes]

    @torch.no_grad()
    def update(self, features: Tensor, rows: Tensor, visible: Tensor) -> None:
        """Take in the features of a batch.

        Args:
            features (Tensor): (..., D), of length one.
            rows (Tensor): int64 (...), the row of each.
            visible (Tensor): bool (...), which of them count.
        """
        sums, count = self.sum_rows(features, rows, visible)
        seen = count > 0
        if self.mode == 'ema':
            mean = sums / count.clamp(min=1)[:, None]
            mu = self.momentum * self.theta + (1 - self.momentum) * mean
            total = self.count + count
        else:
            total = self.count + count
            mu = (self.count[:, None] * self.mu + sums) / total.clamp(min=1)[:, None]
        self._set(seen, mu, total)

    @torch.no_grad()
    def sum_rows(self, features: Tensor, rows: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Sums (R, D) and numbers int64 (R,) of the visible features of each row, of all processes.

        Arguments are those of :meth:`update`.
        """
        rows, visible = rows.flatten(), visible.flatten()
        features = features.detach().float().flatten(0, -2) * visible[:, None]
        sums = torch.zeros_like(self.mu).index_add_(0, rows, features)
        count = torch.zeros_like(self.count).index_add_(0, rows, visible.to(self.count))
        all_reduce(sums)
        all_reduce(count)
        return sums, count

    @torch.no_grad()
    def set_mean(self, sums: Tensor, count: Tensor) -> None:
        """Replace the prototypes by exact means; rows without an instance stay as they are.

        Args:
            sums (Tensor): (R, D), of all features of each row.
            count (Tensor): int64 (R,), their number.
        """
        self._set(count > 0, sums / count.clamp(min=1)[:, None], count)

    @torch.no_grad()
    def restart(self) -> None:
        """Forget how many instances the prototypes stand for, but not the prototypes."""
        self.mu.zero_()
        self.count.zero_()

    def add_rows(self, number: int) -> None:
        """Make room for more keypoints, after the present ones of each category.

        Raises:
            ValueError: If ``number`` is below 1.
        """
        if number < 1:
            raise ValueError(f'number of rows to add is {number}; expected 1 or more')
        for name in ('theta', 'mu', 'count'):
            old = getattr(self, name)
            table = old.view(self.num_classes, self.num_keypoints, *old.shape[1:])
            new = table.new_zeros(self.num_classes, number, *old.shape[1:])
            setattr(self, name, torch.cat([table, new], dim=1).flatten(0, 1))
        self.num_keypoints += number

    def _set(self, rows: Tensor, mu: Tensor, count: Tensor) -> None:
        if self.n_max is not None:
            count = count.clamp(max=self.n_max)
        self.mu.copy_(torch.where(rows[:, None], mu, self.mu))
        self.theta.copy_(torch.where(rows[:, None], unit(mu), self.theta))
        self.count.copy_(torch.where(rows, count, self.count))
