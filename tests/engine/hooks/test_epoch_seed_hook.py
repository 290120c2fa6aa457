import random

import numpy as np
import torch
from mmengine.hooks import Hook

from kpt_plugins.engine import EpochSeedHook

from .toy import toy_runner


class Draws(Hook):
    priority = 'LOWEST'

    def __init__(self):
        self.drawn = []

    def before_train_epoch(self, runner):
        self.drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))


def test_draws_depend_on_the_epoch_and_survive_a_resume(tmp_path):
    whole, rest = Draws(), Draws()
    toy_runner(tmp_path / 'a', max_epochs=3, hooks=[EpochSeedHook(), whole]).train()
    toy_runner(tmp_path / 'b', max_epochs=1).train()
    toy_runner(tmp_path / 'b', max_epochs=3, hooks=[EpochSeedHook(), rest], resume=True).train()
    assert len(set(whole.drawn)) == 3
    assert rest.drawn == whole.drawn[1:]
