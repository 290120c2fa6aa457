"""Stop a training that has gone wrong, before it harms its checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from mmpose.registry import HOOKS

_STATISTICS = ('running_mean', 'running_var')
_DATA_KEYS = ('id', 'pair_index', 'category_id', 'support_ids', 'img_path')


class NonFiniteLossError(RuntimeError):
    """A loss, or a parameter about to be saved, is NaN or infinite."""


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Stops when a loss is NaN or infinite, naming the losses and the samples of the batch.

    MMEngine's ``train_step`` has already changed the parameters by then, so no later hook may
    run: this one comes before EMA and checkpoints. A finite loss can have a NaN gradient, and on
    several ranks only one may have seen the bad loss; therefore parameters are checked once more
    when a checkpoint is about to be written, and the write refused. Either way the last
    checkpoint on disk is one from before.

    Raises:
        NonFiniteLossError: as described.
    """

    priority = 'VERY_HIGH'

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Check the losses of this iteration."""
        # Plain floats: MMEngine's log has synchronised with the device for them already.
        values = {
            name: float(torch.as_tensor(value).detach())
            for name, value in (outputs or {}).items()
            if 'loss' in name
        }
        if all(map(math.isfinite, values.values())):
            return
        losses = ', '.join(f'{name}={value:g}' for name, value in values.items())
        samples = '\n'.join(f'  {line}' for line in describe_batch(data_batch))
        raise NonFiniteLossError(
            f'the loss is not finite in iteration {runner.iter + 1} (epoch {runner.epoch + 1}, '
            f'batch {batch_idx + 1}, rank {get_rank()}): {losses}\nThe batch was:\n{samples}\n'
            f'{_advice(runner)}'
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse a checkpoint with broken parameters."""
        # Other buffers may be infinite on purpose, masks for example.
        learnt = [name for name, _ in runner.model.named_parameters()]
        learnt += [name for name, _ in runner.model.named_buffers() if name.endswith(_STATISTICS)]
        state = checkpoint['state_dict']
        names = (name.removeprefix('module.') for name in learnt)
        broken = [name for name in names if name in state and not torch.isfinite(state[name]).all()]
        if broken:
            raise NonFiniteLossError(
                f'{len(broken)} parameters are not finite after iteration {runner.iter}, '
                f'{broken[0]} for one; this checkpoint is not written. {_advice(runner)}'
            )


def describe_batch(data_batch: Any) -> list[str]:
    """One line for each sample of a training batch, with ids and images as far as it has them.

    Args:
        data_batch: what the dataloader yields: a dict with ``data_samples``.
    """
    samples = data_batch.get('data_samples') if isinstance(data_batch, Mapping) else None
    if not isinstance(samples, Sequence) or not samples:
        return [f'(a {type(data_batch).__name__} without data_samples)']
    lines = []
    for number, sample in enumerate(samples):
        known = sample.metainfo if isinstance(sample, BaseDataElement) else {}
        fields = [f'{key}={known[key]}' for key in _DATA_KEYS if key in known]
        lines.append(f'{number}: {", ".join(fields) or "(no ids)"}')
    return lines


def _advice(runner: Runner) -> str:
    last = runner.message_hub.runtime_info.get('last_ckpt')
    saved = f'The last checkpoint, {last}, is intact' if last else 'No checkpoint was written yet'
    return (
        f'{saved}. Look at the annotations of these samples (tools/check_dataset.py), lower the '
        'learning rate, clip gradients (optim_wrapper.clip_grad) or train without --amp.'
    )
