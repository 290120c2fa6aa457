"""A batch, a model and the parts of its training step, for the benchmarks of FMMP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from mmengine.dataset import pseudo_collate
from straightforward_fmmp import StraightforwardFMMPHead
from torch import nn

from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.random_episode import random_episode
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.models.pose_estimators.few_shot_pose_estimator import stack_episodes

CONFIG = 'fmmp_mp100_split1'
PARTS = ('backbone', 'training step', 'head', 'straightforward head')


class Workload:
    """A model, a straightforward head with its parameters, and a batch.

    Args:
        batch: Episodes of one support and one query.
        device: Where it runs.
        amp: Mixed precision.
        channels_last: Memory format of images and convolutions.
    """

    def __init__(
        self, batch: int, device: str = 'cpu', amp: bool = False, channels_last: bool = False
    ) -> None:
        torch.manual_seed(0)
        cfg = load_config(CONFIG)
        self.cfg, self.device = cfg, torch.device(device)
        for part in cfg.model.values():
            if isinstance(part, dict):
                part.pop('init_cfg', None)  # random weights do
        self.model = build_model(cfg).to(device).train()
        with torch.no_grad():  # away from the initial values, where points never move
            for parameter in self.model.head.parameters():
                parameter += 0.01 * torch.randn_like(parameter)
        head = {key: value for key, value in cfg.model.head.items() if key != 'type'}
        self.straightforward = StraightforwardFMMPHead(**head).to(device).train()
        self.straightforward.load_state_dict(self.model.head.state_dict())
        items = [random_episode(cfg, num_keypoints=17, seed=seed) for seed in range(batch)]
        self.data = self.model.data_preprocessor(pseudo_collate(items))
        self.images = self.data['inputs'].flatten(0, 1)
        if channels_last:
            self.model.to(memory_format=torch.channels_last)
            self.images = self.images.to(memory_format=torch.channels_last)
            self.data['inputs'] = self.images.unflatten(0, (batch, -1))
        self.episode = stack_episodes(self.data['data_samples'])
        with torch.no_grad():
            pyramid = self.model.extract_feat(self.images)
        levels = [level.float().unflatten(0, (batch, 2)) for level in pyramid]
        self.feats = tuple(
            [level[:, image].contiguous().requires_grad_() for level in levels] for image in (0, 1)
        )
        self.amp = amp
        self.scaler = torch.amp.GradScaler('cuda', enabled=amp)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)

    def precision(self) -> AbstractContextManager:
        return torch.autocast('cuda', torch.float16) if self.amp else nullcontext()

    def run_backbone(self) -> None:
        """Forward and backward on all images of the batch."""
        self.model.backbone.zero_grad()
        with self.precision():
            total = sum(level.float().mean() for level in self.model.backbone(self.images))
        total.backward()

    def run_training_step(self) -> None:
        """The loss of the whole model, its gradients and one step of Adam."""
        self.optimizer.zero_grad()
        with self.precision():
            loss = sum(self.model.loss(self.data['inputs'], self.data['data_samples']).values())
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def run_head(self, head: nn.Module) -> None:
        """Forward and backward on given maps."""
        head.zero_grad()
        with self.precision():
            loss = sum(head.loss(self.feats, self.episode).values())
        loss.backward()

    def part(self, name: str) -> Callable[[], None]:
        return {
            'backbone': self.run_backbone,
            'training step': self.run_training_step,
            'head': partial(self.run_head, self.model.head),
            'straightforward head': partial(self.run_head, self.straightforward),
        }[name]

    def largest_difference(self) -> float:
        """Of the two heads' points, in fractions of the crop."""
        heads = (self.model.head.eval(), self.straightforward.eval())
        with torch.no_grad():
            points = [head(self.feats, self.episode).points for head in heads]
        for head in heads:
            head.train()
        return (points[0] - points[1]).abs().max().item()
