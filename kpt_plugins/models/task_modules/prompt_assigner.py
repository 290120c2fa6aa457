"""Which prompt shows which keypoint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmpose.registry import TASK_UTILS
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from kpt_plugins.models.layers.gaussian_maps import gaussian_maps

MODES = ('pair', 'class_ema')


@torch.no_grad()
def assignment_cost(heatmaps: Tensor, points: Tensor, visible: Tensor, sigma: float) -> Tensor:
    r"""Cost :math:`C_{nk}` of a pair: mean over images that show k of :math:`\|H_n - H^*_k\|^2`.

    Args:
        heatmaps (Tensor): (B, 2, N, h, w).
        points (Tensor): (B, 2, K, 2), fractions of the crops.
        visible (Tensor): bool (B, 2, K).
        sigma (float): Standard deviation of the targets in cells.

    Returns:
        Tensor: (B, N, K) on the CPU, float32; infinite where neither image shows k.
    """
    height, width = heatmaps.shape[-2:]
    target = gaussian_maps(points, height, width, sigma).flatten(-2)
    maps = heatmaps.float().flatten(-2)
    cost = maps.square().sum(-1)[..., None] + target.square().sum(-1)[..., None, :]
    cost = cost - 2 * maps @ target.mT
    shown = visible[..., None, :].to(cost)
    # one tensor that says it all, because each copy from the device waits for it
    return ((cost * shown).sum(dim=1) / shown.sum(dim=1)).nan_to_num(torch.inf).cpu()


@TASK_UTILS.register_module()
class PromptKeypointAssigner(nn.Module):
    """One assignment of keypoints to prompts for both images of a pair (section 3.1).

    The cheapest one, by the Hungarian method. Keypoints that neither image shows get no prompt.

    With ``mode='class_ema'`` the costs of a category are remembered, and the assignment is the
    cheapest for what is remembered: a prompt stays with its part of the category. The memory is
    part of the state dict; each process has its own.

    Args:
        mode (str): ``'pair'``, as the paper's notation has it, or ``'class_ema'``.
        momentum (float): Share of the remembered cost that stays.
        num_prompts (int | None): N, needed for the memory.
        num_categories (int): Categories that the memory holds.
        max_keypoints (int): Most keypoints of a category that it holds.

    Raises:
        ValueError: For another mode or, later, for a category with more keypoints than prompts or
            than the memory holds, more categories than it holds, or another number of prompts.
    """

    def __init__(
        self,
        mode: str = 'pair',
        momentum: float = 0.9,
        num_prompts: int | None = None,
        num_categories: int = 100,
        max_keypoints: int = 68,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ValueError(
                f"PromptKeypointAssigner: mode is {mode!r}; expected 'pair' or 'class_ema'"
            )
        self.mode = mode
        self.momentum = momentum
        if mode == 'class_ema':
            if num_prompts is None:
                raise ValueError(
                    "PromptKeypointAssigner: mode='class_ema' needs num_prompts, the head's"
                )
            shape = num_categories, num_prompts, max_keypoints
            self.register_buffer('categories', torch.full((num_categories,), -1))
            self.register_buffer('costs', torch.zeros(shape))
            self.register_buffer('seen', torch.zeros(shape[0], shape[2], dtype=torch.bool))

    def forward(
        self,
        heatmaps: Tensor,
        points: Tensor,
        visible: Tensor,
        category_ids: Sequence[int],
        sigma: float,
    ) -> Tensor:
        """Assign the keypoints of B pairs.

        Args:
            heatmaps (Tensor): (B, 2, N, h, w).
            points (Tensor): (B, 2, K, 2), fractions of the crops.
            visible (Tensor): bool (B, 2, K).
            category_ids (Sequence[int]): B ids.
            sigma (float): Standard deviation of the targets in cells.

        Returns:
            Tensor: int64 (B, K), the prompt of each keypoint; -1 for none.
        """
        number, size = heatmaps.shape[2], visible.shape[-1]
        cost = assignment_cost(heatmaps, points, visible, sigma)
        shown = cost[:, 0].isfinite()
        self._check_number(shown, category_ids, number)
        result = np.full((len(cost), size), -1)
        for pair, category in enumerate(category_ids):
            keypoints = shown[pair].numpy()
            if self.mode == 'pair':
                result[pair] = self._match(cost[pair].numpy(), keypoints)
            elif keypoints.any():
                self._remember(self._slot(category), cost[pair], shown[pair])
                prompts = self.class_assignment(category)[:size]
                result[pair, : len(prompts)] = prompts
                result[pair, ~keypoints] = -1
        return torch.from_numpy(result).to(heatmaps.device)

    def class_assignment(self, category_id: int) -> np.ndarray | None:
        """Prompts of a category's keypoints under the remembered costs.

        Returns:
            np.ndarray | None: int64 (K,), -1 for keypoints never seen, up to the last one seen;
            None for a category never seen.
        """
        if self.mode != 'class_ema' or not (self.categories == category_id).any():
            return None
        slot = self._slot(category_id)
        seen = self.seen[slot].cpu().numpy()
        return self._match(self.costs[slot].cpu().numpy(), seen)[: np.flatnonzero(seen).max() + 1]

    def _slot(self, category_id: int) -> int:
        known = torch.nonzero(self.categories == category_id)
        if len(known):
            return int(known[0])
        free = torch.nonzero(self.categories < 0)
        if not len(free):
            raise ValueError(
                f'category {category_id} is one more than '
                f'PromptKeypointAssigner.num_categories={len(self.categories)} can remember'
            )
        self.categories[free[0]] = category_id
        return int(free[0])

    def _remember(self, slot: int, cost: Tensor, shown: Tensor) -> None:
        size = len(shown)
        cost, shown = cost.to(self.costs), shown.to(self.seen)
        old, seen = self.costs[slot, :, :size], self.seen[slot, :size]
        mixed = torch.where(seen, torch.lerp(cost, old, self.momentum), cost)
        self.costs[slot, :, :size] = torch.where(shown, mixed, old)
        self.seen[slot, :size] |= shown

    def _check_number(self, shown: Tensor, category_ids: Sequence[int], prompts: int) -> None:
        if not shown.numel():
            return
        last, pair = (shown * torch.arange(1, shown.shape[1] + 1)).amax(dim=1).max(dim=0)
        category = category_ids[int(pair)]
        if last > prompts:
            raise ValueError(
                f'category {category} has {last} keypoints or more, but there are '
                f'num_prompts={prompts}; give the prompt head at least as many prompts'
            )
        if self.mode == 'class_ema' and prompts != self.costs.shape[1]:
            raise ValueError(
                f'there are {prompts} heatmaps, but PromptKeypointAssigner.num_prompts='
                f'{self.costs.shape[1]}; both must be the same'
            )
        if self.mode == 'class_ema' and last > self.seen.shape[1]:
            raise ValueError(
                f'category {category} has {last} keypoints or more; raise '
                f'PromptKeypointAssigner.max_keypoints={self.seen.shape[1]}'
            )

    @staticmethod
    def _match(cost: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
        """Prompts (K,) of the keypoints (K,) bool under costs (N, K); -1 for the others."""
        result = np.full(len(keypoints), -1)
        columns = np.flatnonzero(keypoints)
        prompts, order = linear_sum_assignment(cost[:, columns])
        result[columns[order]] = prompts
        return result
