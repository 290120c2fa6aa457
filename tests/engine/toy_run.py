"""A toy training run for test_dist.py, started by torchrun: prints one line a rank.

Usage: ``toy_run.py WORK_DIR LAUNCHER MAX_EPOCHS [RESUME]``
"""

import json
import sys
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import get_rank, get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner
from torch import nn

from kpt_plugins.apis.checkpoint import use_safe_loading
from kpt_plugins.engine.dist import setup_launcher


@DATASETS.register_module()
class Numbers(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> dict:
        return dict(inputs=torch.tensor([index, 1.0]), target=torch.tensor([2.0 * index]))


@MODELS.register_module()
class Line(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, inputs, target, mode='tensor'):
        out = self.layer(inputs)
        if mode == 'loss':
            return dict(loss=(out - target).square().mean())
        return [dict(error=float(e)) for e in (out - target).abs()]


@METRICS.register_module()
class MeanError(BaseMetric):
    def process(self, data_batch, data_samples) -> None:
        self.results.extend(data_samples)

    def compute_metrics(self, results) -> dict:
        return dict(error=sum(r['error'] for r in results) / len(results), count=len(results))


def main() -> None:
    work_dir, launcher, epochs, *resume = sys.argv[1:]
    loader = dict(
        batch_size=1,
        num_workers=0,
        dataset=dict(type='Numbers'),
        collate_fn=dict(type='default_collate'),
    )
    cfg = Config(
        dict(
            work_dir=work_dir,
            model=dict(type='Line'),
            train_dataloader=dict(**loader, sampler=dict(type='DefaultSampler', shuffle=False)),
            val_dataloader=dict(**loader, sampler=dict(type='DefaultSampler', shuffle=False)),
            train_cfg=dict(by_epoch=True, max_epochs=int(epochs)),
            val_cfg=dict(),
            val_evaluator=dict(type='MeanError'),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
            default_hooks=dict(logger=dict(type='LoggerHook', interval=100)),
            resume=bool(resume),
            randomness=dict(seed=0),
            experiment_name=f'run{epochs}',
        )
    )
    use_safe_loading()
    setup_launcher(cfg, launcher)
    runner = Runner.from_cfg(cfg)
    runner.train()
    metrics = runner.val()
    model = runner.model.module if launcher != 'none' else runner.model
    report = dict(
        rank=get_rank(),
        world_size=get_world_size(),
        weights=[p.flatten().tolist() for p in model.parameters()],
        count=metrics['count'],
        error=metrics['error'],
    )
    Path(work_dir, f'report{report["rank"]}.json').write_text(json.dumps(report))


if __name__ == '__main__':
    main()
