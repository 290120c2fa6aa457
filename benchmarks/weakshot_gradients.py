"""Whether the novel losses of weak-shot learning pull where the true labels would.

On pairs of novel categories: the gradient of each novel loss, and of their sum, against that of the
prompts' loss on the true labels of the same pairs; norms, and cosines over all parameters that both
reach. A cosine below zero is a loss that works against the task.

Examples:
    python benchmarks/weakshot_gradients.py weakshot_synth work_dirs/weakshot_synth/epoch_10.pth
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch
from mmengine.config import Config
from torch import Tensor, nn

from kpt_plugins.apis.model_loading import build_dataset, load_model
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.datasets import pair_collate
from kpt_plugins.models.pose_estimators.weak_shot_pose_estimator import NOVEL_LOSSES

TEACHERS = ('keyness.', 'correspondence.')
"""Parts that no novel loss reaches."""


def gradient(model: nn.Module, loss: Tensor) -> Tensor:
    """Gradient of a loss by all parameters of the prompts' branch, flat."""
    learned = [
        p
        for name, p in model.named_parameters()
        if p.requires_grad and not name.startswith(TEACHERS)
    ]
    found = torch.autograd.grad(loss, learned, allow_unused=True, retain_graph=True)
    pairs = zip(found, learned, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])


def losses_of_pairs(
    cfg: Config, checkpoint: str, epoch: int, pairs: int
) -> tuple[nn.Module, dict[str, Tensor]]:
    """The model, and its losses of the first novel pairs of an epoch."""
    model = load_model(cfg, checkpoint).train()
    dataset = build_dataset(cfg, 'train')
    dataset.set_epoch(epoch)
    batch = pair_collate([dataset[i] for i in range(pairs)])
    torch.manual_seed(epoch)  # of the movements
    return model, model(**model.data_preprocessor(batch, True), mode='loss')


def compare(config: str, checkpoint: str, epoch: int, pairs: int) -> dict[str, tuple[float, float]]:
    """Norm and cosine of each novel loss's gradient, by name; 'labels' is the labels' loss."""
    found = {}
    for labelled in (True, False):
        dataset = 'train_dataloader.dataset'
        options = {f'{dataset}.novel_labels': labelled, f'{dataset}.base_ratio': 0.0}
        model, losses = losses_of_pairs(load_config(config, options), checkpoint, epoch, pairs)
        names = ('prompt',) if labelled else [n for n in NOVEL_LOSSES if f'loss_{n}' in losses]
        found |= {name: gradient(model, losses[f'loss_{name}']) for name in names}
    labels = found.pop('prompt')
    found['all'] = torch.stack([*found.values()]).sum(dim=0)
    cosine = nn.CosineSimilarity(dim=0)
    rows = {name: (g.norm().item(), cosine(g, labels).item()) for name, g in found.items()}
    return {'labels': (labels.norm().item(), 1.0), **rows}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--batches', type=int, default=2)
    parser.add_argument('--pairs', type=int, default=8, help='a batch')
    args = parser.parse_args(argv)
    for epoch in range(args.batches):
        rows = compare(args.config, args.checkpoint, epoch, args.pairs)
        text = ', '.join(f'{name} {norm:.2f} ({cos:+.2f})' for name, (norm, cos) in rows.items())
        print(f'batch {epoch}: norm (cosine with labels): {text}')


if __name__ == '__main__':
    main()
