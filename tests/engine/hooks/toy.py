"""A training run of milliseconds, for the tests of hooks."""

import itertools

import torch
from mmengine.dataset import DefaultSampler
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmpose.structures import PoseDataSample
from torch import nn
from torch.utils.data import Dataset

_names = itertools.count()


class ToyDataset(Dataset):
    def __init__(self, length=4):
        self.length = length
        self.epochs = []

    def __len__(self):
        return self.length

    def set_epoch(self, epoch):
        self.epochs.append(epoch)

    def __getitem__(self, index):
        meta = dict(id=100 + index, img_path=f'images/{index}.jpg', support_ids=[7])
        return dict(inputs=torch.ones(3), data_samples=PoseDataSample(metainfo=meta))


class ToyModel(BaseModel):
    """Loss = mean of a linear layer; ``bad_iteration`` makes a loss or a gradient NaN."""

    def __init__(self, bad_iteration=None, bad_gradient=False):
        super().__init__()
        self.linear = nn.Linear(3, 1)
        self.register_buffer('mask', torch.full((2,), -torch.inf))
        self.bad_iteration = bad_iteration
        self.bad_gradient = bad_gradient
        self.calls = 0

    def forward(self, inputs, data_samples=None, mode='tensor'):
        out = self.linear(torch.stack(list(inputs)))
        if mode != 'loss':
            return [0] * len(inputs)
        loss = out.square().mean()
        if self.calls == self.bad_iteration:
            # sqrt(0) has a finite value and an infinite slope; times zero that is NaN.
            loss = loss + (out * 0).abs().sqrt().mean() if self.bad_gradient else loss * torch.nan
        self.calls += 1
        return dict(loss=loss, acc_pose=torch.tensor(torch.nan))


def toy_runner(work_dir, model=None, max_epochs=2, hooks=(), dataset=None, **kwargs):
    torch.manual_seed(0)
    dataset = dataset or ToyDataset()
    return Runner(
        model=model or ToyModel(),
        work_dir=str(work_dir),
        train_dataloader=dict(
            dataset=dataset, sampler=DefaultSampler(dataset, shuffle=False), batch_size=2
        ),
        train_cfg=dict(by_epoch=True, max_epochs=max_epochs),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9)),
        default_scope='mmpose',
        custom_hooks=list(hooks),
        experiment_name=f'toy_{next(_names)}',
        randomness=dict(seed=3),
        log_level='WARNING',
        **kwargs,
    )
