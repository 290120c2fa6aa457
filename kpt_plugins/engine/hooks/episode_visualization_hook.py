"""Pictures of predictions while a checkpoint is tested."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from kpt_plugins.visualization import draw_data_sample, write_image


@HOOKS.register_module()
class EpisodeVisualizationHook(Hook):
    """Writes supports, truth and prediction of some test pairs, one picture a pair.

    MMPose's ``PoseVisualizationHook`` knows no supports, and nests its folder deeper at every
    iteration.

    Args:
        out_dir: folder for the pictures.
        max_images: how many, spread evenly over the evaluation list, and so over the categories.
    """

    def __init__(self, out_dir: str, max_images: int = 50) -> None:
        if max_images < 1:
            raise ValueError(f'max_images must be positive, got {max_images}')
        self.out_dir = Path(out_dir)
        self.max_images = max_images

    def before_test_epoch(self, runner: Runner) -> None:
        """Choose the pairs; they are the same on any number of ranks."""
        self.stride = -(-len(runner.test_dataloader.dataset) // self.max_images)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence = ()
    ) -> None:
        """Draw the chosen pairs of this batch."""
        for inputs, sample in zip(data_batch['inputs'], outputs, strict=True):
            index = sample.metainfo['pair_index']
            if index % self.stride:
                continue
            category = re.sub(r'\W+', '_', str(sample.metainfo['category_name']))
            path = self.out_dir / f'{index:06d}_{category}.jpg'
            write_image(path, draw_data_sample(inputs, sample))
