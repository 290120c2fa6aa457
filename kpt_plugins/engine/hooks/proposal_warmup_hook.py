"""Train the proposal of an FMMP head before its recurrence."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from .run_parts import run_model


@HOOKS.register_module()
class ProposalWarmupHook(Hook):
    """Leave out the head's recurrent layers in the first epochs.

    The proposal costs little and teaches the backbone what looks alike, which is most of what
    training from scratch has to learn; the recurrence then starts on features that mean something.
    In several processes the model wrapper needs ``find_unused_parameters=True``.

    Args:
        num_epochs (int): Epochs that train the backbone, the neck and the proposal alone.

    Raises:
        ValueError: Before training, if the head has no proposal to train.
    """

    def __init__(self, num_epochs: int) -> None:
        self.num_epochs = num_epochs

    def before_train(self, runner: Runner) -> None:
        if self._head(runner).proposal is None:
            raise ValueError(
                'ProposalWarmupHook trains the proposal alone, but model.head.proposal is None; '
                'give the head a proposal or leave the hook out'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Decide by the epoch, so that a resumed run does the same."""
        self._head(runner).recurrent = runner.epoch >= self.num_epochs

    def after_train(self, runner: Runner) -> None:
        self._head(runner).recurrent = True

    @staticmethod
    def _head(runner: Runner):
        return run_model(runner).head
