"""One pass over training data that fills the banks of a CoKe head."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from kpt_plugins.models.heads import CoKeHead

from .run_parts import next_batches, run_model


def bank_model(runner: Runner, hook: str) -> nn.Module:
    """The run's model, without its wrapper.

    Raises:
        TypeError: If it has no CoKe head; the message names the hook.
    """
    model = run_model(runner)
    if not isinstance(getattr(model, 'head', None), CoKeHead):
        found = type(getattr(model, 'head', None)).__name__
        raise TypeError(f'{hook} fills the banks of a CoKeHead, but model.head is a {found}')
    return model


@torch.no_grad()
def fill_banks(
    runner: Runner, model: nn.Module, loader: DataLoader, num_batches: int | None = None
) -> int:
    """Set the prototypes to the mean features of a loader's images, of all processes.

    Its batches are those of (seed, epoch, rank), so that a second pass changes nothing. The clutter
    bank is filled anew; keypoints without an instance keep their prototype.

    Args:
        runner (Runner): Gives seed and epoch.
        model (nn.Module): With a CoKe head; its own training or evaluation mode is used.
        loader (DataLoader): With training labels.
        num_batches (int | None): Stop after so many; one epoch by default.

    Returns:
        int: Prototypes that were set.
    """
    bank = model.head.bank
    sums, count = torch.zeros_like(bank.mu, dtype=torch.float64), torch.zeros_like(bank.count)
    if model.head.clutter is not None:
        model.head.clutter.clear()
    for data in next_batches(runner, loader, num_batches):
        data = model.data_preprocessor(data, True)
        feats = model.extract_feat(torch.stack(list(data['inputs'])))
        more, number = model.head.observe(feats, data['data_samples'])
        sums += more
        count += number
    bank.set_mean(sums.float(), count)
    return int((count > 0).sum())


@contextmanager
def batch_statistics(model: nn.Module) -> Iterator[None]:
    """Training mode in which batch norm uses the batch's statistics and does not remember them."""
    training = model.training
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    tracked = [norm.track_running_stats for norm in norms]
    model.train()
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm, value in zip(norms, tracked, strict=True):
            norm.track_running_stats = value
        model.train(training)
