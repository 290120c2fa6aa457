"""Tell the datasets which epoch it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS


@HOOKS.register_module()
class EpisodeEpochHook(Hook):
    """Calls ``set_epoch(runner.epoch)`` on the training datasets that have it.

    Their draws depend on (seed, epoch, index), so this makes every epoch a new one and a resumed
    epoch the very one that was interrupted. Datasets inside wrappers and concatenations are
    found; those without ``set_epoch`` are left alone.
    """

    # Before any hook that looks at the data of the epoch.
    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        """Pass the epoch on; the dataloader's workers start, or restart, after this."""
        for dataset in walk_datasets(runner.train_dataloader.dataset):
            if hasattr(dataset, 'set_epoch'):
                dataset.set_epoch(runner.epoch)


def walk_datasets(dataset: Any) -> Iterator[Any]:
    """The dataset and all that it wraps (``dataset``, ``datasets``), outermost first."""
    yield dataset
    inner = getattr(dataset, 'dataset', None)
    for wrapped in [inner] if inner is not None else getattr(dataset, 'datasets', ()):
        yield from walk_datasets(wrapped)
