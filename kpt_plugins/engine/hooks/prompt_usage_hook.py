"""Notice when a weak-shot model's prompts collapse."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import Tensor

from .run_parts import run_model


@torch.no_grad()
def prompt_usage(
    points: Tensor, visibility: Tensor, radius: float, threshold: float = 0.5
) -> dict[str, float]:
    """How prompts are used in B images.

    Args:
        points (Tensor): (B, N, 2), any unit.
        visibility (Tensor): (B, N).
        radius (float): Points closer than this are one position.
        threshold (float): Visibility from which a prompt is in use.

    Returns:
        dict: ``prompt_visibility``, the mean; means over images of ``prompts_used`` and of
        ``distinct_positions`` among those; ``prompts_ever_used``, in any image.
    """
    used = visibility > threshold
    near = torch.cdist(points.float(), points.float()) < radius
    earlier = torch.ones(points.shape[1], points.shape[1], dtype=torch.bool, device=points.device)
    repeated = (near & earlier.tril(-1) & used[:, None]).any(dim=-1)
    return dict(
        prompt_visibility=visibility.float().mean().item(),
        prompts_used=used.sum(dim=1).float().mean().item(),
        distinct_positions=(used & ~repeated).sum(dim=1).float().mean().item(),
        prompts_ever_used=float(used.any(dim=0).sum()),
    )


@HOOKS.register_module()
class PromptUsageHook(Hook):
    """Logs :func:`prompt_usage` of training batches, and warns when it looks like a collapse.

    That is when fewer than ``min_used`` prompts are in use in an image, or fewer than the share
    ``min_distinct`` of those have a position of their own: then many prompts have met in one
    place, mostly because the guiding loss is too strong, and matching keypoints to them gets
    impossible.

    Args:
        interval (int): Iterations between two looks.
        radius (float): Positions closer than this, in cells of the heatmaps, are one.
        threshold (float): Visibility from which a prompt is in use.
        min_used (float): Fewest prompts in use.
        min_distinct (float): Least share of distinct positions.
        grace (float): Share of the iterations before the first warning.

    Raises:
        ValueError: If the interval is less than 1; before training, if the model is none of
            prompts, or of fewer than the dataset's ``max_keypoints``.
    """

    priority = 'BELOW_NORMAL'

    def __init__(
        self,
        interval: int = 50,
        radius: float = 1.0,
        threshold: float = 0.5,
        min_used: float = 2.0,
        min_distinct: float = 0.7,
        grace: float = 0.3,
    ) -> None:
        if interval < 1:
            raise ValueError(f'PromptUsageHook: interval is {interval}; expected 1 or more')
        self.interval = interval
        self.radius = radius
        self.threshold = threshold
        self.min_used = min_used
        self.min_distinct = min_distinct
        self.grace = grace

    def before_train(self, runner: Runner) -> None:
        if not hasattr(run_model(runner), 'latest_heatmaps'):
            raise ValueError(
                f'PromptUsageHook looks at the prompts of a WeakShotPoseEstimator, but the model '
                f'is a {type(run_model(runner)).__name__}'
            )
        most = getattr(runner.train_dataloader.dataset, 'max_keypoints', None)
        if most is not None and most > (prompts := run_model(runner).head.num_prompts):
            raise ValueError(
                f'model.head.num_prompts is {prompts}, but train_dataloader.dataset.max_keypoints '
                f'lets categories with up to {most} keypoints in; expected at least as many prompts'
            )

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Look at the heatmaps of this iteration's batch."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        model = run_model(runner)
        heatmaps = model.latest_heatmaps
        prompts = model.decode(heatmaps)
        cells = prompts.points * prompts.points.new_tensor([heatmaps.shape[3], heatmaps.shape[2]])
        usage = prompt_usage(cells, prompts.visibility, self.radius, self.threshold)
        for name, value in usage.items():
            runner.message_hub.update_scalar(f'train/{name}', value)
        if runner.iter + 1 >= self.grace * runner.max_iters:
            self._warn(usage, runner.iter + 1)

    def _warn(self, usage: Mapping[str, float], iteration: int) -> None:
        used, distinct = usage['prompts_used'], usage['distinct_positions']
        if used < self.min_used:
            advice = 'if this goes on, the learning rate or the novel losses are too high'
        elif distinct < self.min_distinct * used:
            advice = 'prompts have merged: lower the weight of losses.guiding'
        else:
            return
        print_log(
            f'iteration {iteration}: {used:.1f} prompts in use an image, at {distinct:.1f} '
            f'distinct positions; {advice}',
            logger='current',
            level=logging.WARNING,
        )
