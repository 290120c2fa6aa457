"""Random numbers that survive a resume."""

from __future__ import annotations

import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds Python's, numpy's and torch's generators from (seed, epoch, rank) at every epoch.

    Checkpoints do not hold the state of the generators, so without it dropout, drop path and
    transforms that draw from global generators would go on differently after a resume.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed the generators of this process; workers derive theirs from torch's."""
        words = np.random.SeedSequence([runner.seed, runner.epoch, get_rank()]).generate_state(3)
        random.seed(int(words[0]))
        np.random.seed(words[1])
        torch.manual_seed(int(words[2]))
