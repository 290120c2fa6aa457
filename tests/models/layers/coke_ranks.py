"""Part of test_coke_ranks.py: one process of a training, which writes its banks.

Usage: ``coke_ranks.py OUT RANK WORLD_SIZE PORT``
"""

import os
import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F
from mmengine.model import MMDistributedDataParallel
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import nn

import kpt_plugins  # noqa: F401
from kpt_plugins.models.heads import CoKeHead, coke_head
from kpt_plugins.models.layers import ClutterBank, PrototypeBank

K, C, D, CELLS, BATCH, STEPS = 3, 5, 4, 6, 4, 4


def fixed_clutter(cells, *args):
    """Cells that follow from the labels, so that they do not depend on who draws."""
    first = cells.sum(dim=(1, 2))[:, None] * 5
    return (first + 7 * torch.arange(5)) % CELLS**2, None


def batch(step):
    """Features and samples of a whole batch, in which keypoints are often missing."""
    generator = torch.Generator().manual_seed(step)
    made = []
    for b in range(BATCH):
        cells = torch.randint(0, CELLS, (1, K, 2), generator=generator)
        # The second half, the other rank's, sees nothing at all in step 2.
        seen = (torch.rand(1, K, generator=generator) < 0.6) & ~(step == 2 and b >= BATCH // 2)
        sample = PoseDataSample()
        sample.gt_instance_labels = InstanceData(
            keypoint_labels=cells, keypoint_positions=cells + 0.5, keypoint_weights=seen.float()
        )
        made.append(sample)
    return torch.randn(BATCH, C, CELLS, CELLS, generator=generator), made


class Trained(nn.Module):
    """The head alone, called as DDP wants it."""

    def __init__(self, mode):
        super().__init__()
        self.head = CoKeHead(
            C,
            K,
            dict(type='PrototypeCellCodec', input_size=(8 * CELLS, 8 * CELLS)),
            feat_dim=D,
            bank=dict(type='PrototypeBank', mode=mode),
            clutter=dict(type='ClutterBank', size=30),
            loss=dict(type='CoKeContrastiveLoss', spatial_weight=0.5),
        )
        generator = torch.Generator().manual_seed(0)
        weight = self.head.projection.weight
        weight.data.copy_(torch.randn(weight.shape, generator=generator))

    def forward(self, feats, samples):
        return sum(self.head.loss((feats,), samples).values())


def train(mode, rank, world_size):
    model = Trained(mode)
    if world_size > 1:
        model = MMDistributedDataParallel(model, device_ids=None, broadcast_buffers=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    part = slice(rank * BATCH // world_size, (rank + 1) * BATCH // world_size)
    for step in range(STEPS):
        feats, samples = batch(step)
        optimizer.zero_grad()
        model(feats[part], samples[part]).backward()
        optimizer.step()
    state = model.state_dict()
    return {name.removeprefix('module.'): value for name, value in state.items()}


def uneven(rank, world_size):
    """Banks that get 1 and 6 features, then none and 3, from two processes or all from one."""
    bank, clutter = PrototypeBank(K, D, mode='cma'), ClutterBank(8, D)
    generator = torch.Generator().manual_seed(9)
    for sizes in ((1, 6), (0, 3)):
        features = F.normalize(torch.randn(sum(sizes), D, generator=generator), dim=1)
        rows = torch.randint(0, K, (sum(sizes),), generator=generator)
        if world_size > 1:
            features, rows = features.split(sizes)[rank], rows.split(sizes)[rank]
        bank.update(features, rows, torch.ones_like(rows, dtype=torch.bool))
        clutter.push(features)
    return {**bank.state_dict(), **clutter.state_dict()}


def everything(rank=0, world_size=1):
    """The banks after each part; in one process those of the whole batches."""
    drawn, coke_head.sample_clutter = coke_head.sample_clutter, fixed_clutter
    try:
        found = {mode: train(mode, rank, world_size) for mode in ('ema', 'cma')}
    finally:
        coke_head.sample_clutter = drawn
    return dict(found, uneven=uneven(rank, world_size))


def main():
    out, rank, world_size, port = sys.argv[1], *map(int, sys.argv[2:])
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    dist.init_process_group('gloo', rank=rank, world_size=world_size)
    torch.save(everything(rank, world_size), out)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == '__main__':
    main()
