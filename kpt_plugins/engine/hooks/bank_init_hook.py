"""First prototypes of a CoKe head."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from .bank_pass import bank_model, batch_statistics, fill_banks, log_prototypes


@HOOKS.register_module()
class BankInitHook(Hook):
    """Fills the banks before training, from the first batches of the first epoch.

    Without it the first batch that shows a keypoint makes its prototype. Batch norm works as in
    training, on the batch's statistics, but does not remember them. A resumed run keeps its banks.

    Args:
        num_batches (int): Batches of each process, or one epoch if that is less.

    Raises:
        ValueError: If ``num_batches`` is below 1; before training, if no keypoint is visible.
        TypeError: Before training, if the model has no CoKe head.
    """

    def __init__(self, num_batches: int = 50) -> None:
        if num_batches < 1:
            raise ValueError(f'BankInitHook.num_batches is {num_batches}; expected 1 or more')
        self.num_batches = num_batches

    def before_train(self, runner: Runner) -> None:
        model = bank_model(runner, 'BankInitHook')
        if runner.iter > 0:
            return
        with batch_statistics(model):
            seen = fill_banks(runner, model, runner.train_dataloader, self.num_batches)
        log_prototypes(seen, 'initialised', runner.train_dataloader, model.head.num_keypoints)
