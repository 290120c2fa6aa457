"""The model and the batches of a run, for hooks that do more than watch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from .epoch_seed_hook import EpochSeedHook


def run_model(runner: Runner) -> nn.Module:
    """The run's model without the wrapper of distributed training."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def next_batches(
    runner: Runner, loader: DataLoader | None = None, number: int | None = None
) -> Iterator[Any]:
    """Batches of the epoch that comes next, the same for the same (seed, epoch, rank).

    Args:
        runner: Gives seed and epoch.
        loader: The training's by default.
        number: The first so many; the whole epoch by default.
    """
    loader = runner.train_dataloader if loader is None else loader
    EpochSeedHook().before_train_epoch(runner)
    if hasattr(loader.sampler, 'set_epoch'):
        loader.sampler.set_epoch(runner.epoch)
    limit = len(loader) if number is None else min(number, len(loader))
    for _, data in zip(range(limit), loader, strict=False):
        yield data


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while, then again the mode before."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
