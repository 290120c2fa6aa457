"""Exact prototypes at the end of training."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmpose.registry import HOOKS

from .bank_pass import bank_model, fill_banks, log_prototypes
from .run_parts import evaluation_mode


@HOOKS.register_module()
class BankRefreshHook(Hook):
    """Replaces the prototypes by the mean features of the training set, with the trained extractor.

    The averages that training leaves contain features of earlier extractors. The pass comes at the
    end of the last epoch (of an iteration-based run, of the last iteration), before that
    checkpoint is written and validated; a run that is stopped earlier keeps its averages. It uses
    evaluation mode, as inference does, and a second pass changes nothing.

    Args:
        dataloader (dict | None): Config of another loader with training labels, for example with a
            pipeline without augmentation; the training loader by default, which in an
            iteration-based run may show some images twice and others not.

    Raises:
        TypeError: Before training, if the model has no CoKe head.
    """

    # After SyncBuffersHook has averaged batch norm, before CheckpointHook (VERY_LOW) saves.
    priority = 'LOW'

    def __init__(self, dataloader: dict | None = None) -> None:
        self.dataloader = dataloader

    def before_train(self, runner: Runner) -> None:
        bank_model(runner, 'BankRefreshHook')

    def after_train_epoch(self, runner: Runner) -> None:
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        if by_epoch and self.is_last_train_epoch(runner):
            self.refresh(runner)

    def after_train_iter(self, runner: Runner, batch_idx: int, *args: Any, **kwargs: Any) -> None:
        # In a loop by epochs the loader is still at work here.
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        if not by_epoch and self.is_last_train_iter(runner):
            self.refresh(runner)

    def refresh(self, runner: Runner) -> None:
        """Do the pass now."""
        model = bank_model(runner, 'BankRefreshHook')
        loader = runner.train_dataloader
        if self.dataloader is not None:
            loader = runner.build_dataloader(self.dataloader, seed=runner.seed)
        with evaluation_mode(model):
            seen = fill_banks(runner, model, loader)
        log_prototypes(seen, 'refreshed', loader, model.head.num_keypoints)
