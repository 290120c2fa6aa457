"""Which score of a CoKe detector tells visible from occluded keypoints.

On the images of a CoKe config's test behind occluders at levels 1 and 2: AUROC, in percent, of the
score that the head has and of others that were thought of. Meant for validation images, given by
``--ann-file``. Of a keypoint, ``r`` is its place's cosine with the prototype, ``c`` what a
hundredth of the clutter reaches with the same prototype, ``m`` the mean cosine of its own training
instances.

Examples:
    python benchmarks/coke_scores.py coke_livestock_horse work_dirs/horse/epoch_20.pth \\
        --ann-file annotations/horse_val.json
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from torch import Tensor

from kpt_plugins.apis.model_loading import build_dataset, load_model
from kpt_plugins.apis.occlusion_benchmark import occlusion_config
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.evaluation.functional.auroc import auroc
from kpt_plugins.models.heads import CoKeHead

LEVELS = (1, 2)
BATCH = 32
NEAR = 2
"""Cells around a place, to each side, that its share of the response is taken over."""


def candidates(head: CoKeHead, projected: Tensor, responses: Tensor) -> dict[str, Tensor]:
    """Scores (B, K) by name.

    Args:
        head (CoKeHead): Gives the banks and the decoder.
        projected (Tensor): Vectors (B, D, h, w), before normalisation.
        responses (Tensor): Cosines (B, K, h, w), minus infinity where no keypoint may lie.
    """
    places, r, index = head.decoder.locate(responses)
    c, m = head.clutter.reach(head.bank.theta), head.bank.mu.norm(dim=1)
    length = projected.flatten(2).norm(dim=1)
    wanted = index[:, None].expand(-1, projected.shape[1], -1)
    vectors = F.normalize(projected.flatten(2).gather(2, wanted), dim=1)
    filled = head.clutter.mem[: int(head.clutter.filled)]
    clutter = torch.einsum('bdk,md->bkm', vectors, filled)
    centre = (places + 0.5) / head.decoder.stride
    rows, columns = (torch.arange(n, device=r.device) + 0.5 for n in responses.shape[-2:])
    near = (columns - centre[..., 0, None]).abs()[:, :, None] <= NEAR
    near = near & ((rows - centre[..., 1, None]).abs()[..., None] <= NEAR)
    share = (responses / head.score_temperature).flatten(2).softmax(dim=-1).view_as(responses)
    return {
        'r': r,
        'r - c': r - c,
        'r - (c + m) / 2': r - (c + m) / 2,
        'r - m': r - m,
        'r - median of cell and clutter': r - clutter.median(dim=-1).values,
        'r - highest of cell and clutter': r - clutter.amax(dim=-1),
        'length of the vector': length.gather(1, index),
        'share of the response around the place': (share * near).sum(dim=(-2, -1)),
    }


@torch.no_grad()
def measure(cfg: Config, checkpoint: str) -> dict[str, float]:
    """AUROC by name; 'used' is that of the model's own scores."""
    model = load_model(cfg, checkpoint)
    head, seen = model.head, SimpleNamespace()
    head.projection.register_forward_hook(lambda _, args, out: setattr(seen, 'projected', out))
    locate, found = head.locate, defaultdict(list)

    def watch(responses: Tensor, threshold: Tensor, inside: Tensor | None = None) -> tuple:
        own = responses if inside is None else responses.masked_fill(~inside[:, None], -torch.inf)
        for name, scores in candidates(head, seen.projected, own).items():
            found[name].append(scores)
        places, scores = locate(responses, threshold, inside)
        found['used'].append(scores)
        return places, scores

    head.locate = watch
    model.test_cfg['flip_test'] = False
    labelled, visible = [], []
    for level in LEVELS:
        dataset = build_dataset(occlusion_config(cfg, level), 'test')
        for start in range(0, len(dataset), BATCH):
            items = [dataset[i] for i in range(start, min(start + BATCH, len(dataset)))]
            model.test_step(pseudo_collate(items))
            for sample in (item['data_samples'] for item in items):
                labelled.append(sample.gt_instances.keypoints_visible[0] > 0)
                visible.append(~sample.metainfo['keypoints_occluded'][0])
    chosen, truth = np.stack(labelled), np.stack(visible)
    tables = {name: torch.cat(rows).cpu().numpy() for name, rows in found.items()}
    return {name: 100 * auroc(table[chosen], truth[chosen]) for name, table in tables.items()}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='of CoKe, with a clutter bank and one category')
    parser.add_argument('checkpoint')
    parser.add_argument('--ann-file', help='of the images, relative to the data root')
    args = parser.parse_args(argv)
    options = {'test_dataloader.dataset.ann_file': args.ann_file} if args.ann_file else {}
    for name, value in measure(load_config(args.config, options), args.checkpoint).items():
        print(f'{value:5.1f}  {name}')


if __name__ == '__main__':
    main()
