"""A cumulative average that starts anew with every epoch."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from .bank_pass import bank_model


@HOOKS.register_module()
class BankResetHook(Hook):
    """Restarts the average of a :class:`PrototypeBank` with ``reset='epoch'`` before every epoch.

    A prototype stays until the epoch has shown its keypoint. Banks with ``reset='never'`` are left
    alone.

    Raises:
        TypeError: Before training, if the model has no CoKe head.
    """

    def before_train(self, runner: Runner) -> None:
        bank_model(runner, 'BankResetHook')

    def before_train_epoch(self, runner: Runner) -> None:
        bank = bank_model(runner, 'BankResetHook').head.bank
        if bank.reset == 'epoch':
            bank.restart()
