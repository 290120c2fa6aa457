"""Let a weak-shot model learn from labels before it teaches itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from .run_parts import run_model


@HOOKS.register_module()
class NovelWarmupHook(Hook):
    """Factor of the novel losses: 0, then a linear ramp, then 1 (weak-shot, section 3.6).

    Keyness and correspondence must be worth something before they teach the prompts of novel
    categories. The factor depends on the iteration alone, so a resumed run does the same.

    Args:
        begin (float): Share of the iterations before the ramp; 0, with no ramp, is the paper's
            joint training from the start.
        ramp (float): Share of the iterations of the ramp.

    Raises:
        ValueError: If a share is negative or both are more than 1 together; before training, if
            the model has no ``novel_scale``.
    """

    def __init__(self, begin: float = 0.3, ramp: float = 0.1) -> None:
        if begin < 0 or ramp < 0 or begin + ramp > 1:
            raise ValueError(
                f'NovelWarmupHook: begin={begin} and ramp={ramp}; expected shares of the '
                f'iterations, together at most 1'
            )
        self.begin = begin
        self.ramp = ramp

    def scale(self, progress: float) -> float:
        """The factor after a share of the iterations."""
        if progress < self.begin:
            return 0.0
        return min((progress - self.begin) / self.ramp, 1.0) if self.ramp else 1.0

    def before_train(self, runner: Runner) -> None:
        if not hasattr(run_model(runner), 'novel_scale'):
            raise ValueError(
                f'NovelWarmupHook sets novel_scale of a WeakShotPoseEstimator, but the model is a '
                f'{type(run_model(runner)).__name__}'
            )

    def before_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        scale = self.scale(runner.iter / runner.max_iters)
        run_model(runner).novel_scale = scale
        runner.message_hub.update_scalar('train/novel_scale', scale)
