"""One pass over training data that fills the banks of a CoKe head."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.dataset import DefaultSampler
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from kpt_plugins.models.heads import CoKeHead

from .run_parts import next_batches, run_model


def bank_model(runner: Runner, hook: str) -> nn.Module:
    """The run's model, without its wrapper.

    Raises:
        TypeError: If it has no CoKe head; the message names the hook.
        ValueError: If its bank starts anew with every epoch, but the run has no BankResetHook.
    """
    model = run_model(runner)
    if not isinstance(getattr(model, 'head', None), CoKeHead):
        found = type(getattr(model, 'head', None)).__name__
        raise TypeError(f'{hook} fills the banks of a CoKeHead, but model.head is a {found}')
    hooks = {type(each).__name__ for each in runner.hooks}
    if model.head.bank.reset == 'epoch' and 'BankResetHook' not in hooks:
        raise ValueError(
            "model.head.bank.reset is 'epoch', which needs dict(type='BankResetHook') in "
            'custom_hooks'
        )
    return model


@torch.no_grad()
def fill_banks(
    runner: Runner, model: nn.Module, loader: DataLoader, num_batches: int | None = None
) -> Tensor:
    """Set the prototypes to the mean features of a loader's images, of all processes.

    Its batches are those of (seed, epoch, rank), so that a second pass changes nothing. The clutter
    bank is filled anew; keypoints without an instance keep their prototype. Images that MMEngine's
    ``DefaultSampler`` shows twice, so that all processes have as many, count once.

    Args:
        runner (Runner): Gives seed and epoch.
        model (nn.Module): With a CoKe head; its own training or evaluation mode is used.
        loader (DataLoader): With training labels.
        num_batches (int | None): Stop after so many; one epoch by default.

    Returns:
        Tensor: bool (R,), which prototypes were set.
    """
    bank = model.head.bank
    sums, count = torch.zeros_like(bank.mu, dtype=torch.float64), torch.zeros_like(bank.count)
    if model.head.clutter is not None:
        model.head.clutter.clear()
    left = _own_images(loader)
    for data in next_batches(runner, loader, num_batches):
        data = model.data_preprocessor(data, True)
        for sample in data['data_samples'][max(left, 0) :]:
            sample.gt_instance_labels.keypoint_weights[:] = 0
        left -= len(data['data_samples'])
        feats = model.extract_feat(torch.stack(list(data['inputs'])))
        more, number = model.head.observe(feats, data['data_samples'])
        sums += more
        count += number
    bank.set_mean(sums.float(), count)
    return count > 0


def _own_images(loader: DataLoader) -> int:
    """How many images of this process come before those that the sampler repeats."""
    sampler = loader.sampler
    if not isinstance(sampler, DefaultSampler):
        return sys.maxsize
    return len(range(sampler.rank, len(loader.dataset), sampler.world_size))


def log_prototypes(seen: Tensor, done: str, loader: DataLoader, num_keypoints: int) -> None:
    """Log how many prototypes a pass has set, with a warning that names the others.

    Args:
        seen (Tensor): bool (R,), of :func:`fill_banks`.
        done (str): What was done to them.
        loader (DataLoader): What was passed over.
        num_keypoints (int): Keypoints of a category.

    Raises:
        ValueError: If it has set none.
    """
    if not seen.any():
        raise ValueError(
            f'no prototype is {done}: none of the images of the {type(loader.dataset).__name__} '
            f'that were looked at shows a visible keypoint; check its annotations'
        )
    print_log(f'{int(seen.sum())} of {len(seen)} prototypes {done}', 'current')
    if seen.all():
        return
    names = getattr(loader.dataset, 'metainfo', {}).get('keypoint_id2name', {})
    unseen = [
        (f'category {row // num_keypoints}, ' if len(seen) > num_keypoints else '')
        + str(names.get(row % num_keypoints, row % num_keypoints))
        for row in (~seen).nonzero().flatten().tolist()
    ]
    more = f' and {len(unseen) - 10} more' if len(unseen) > 10 else ''
    print_log(
        f'not {done}, since no image shows them: {"; ".join(unseen[:10])}{more}',
        'current',
        logging.WARNING,
    )


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
