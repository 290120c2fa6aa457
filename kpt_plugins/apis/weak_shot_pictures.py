"""Pictures of what a weak-shot model makes of pairs of test images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import nn

from kpt_plugins.datasets.category_pair_dataset import CategoryPairDataset
from kpt_plugins.visualization.weak_shot import PromptView, draw_weak_shot_row


def choose_pairs(
    dataset: CategoryPairDataset,
    categories: Sequence[int] | None = None,
    pairs_per_category: int = 1,
    novel_first: bool = True,
) -> list[tuple[int, int]]:
    """Indices of pairs of images of one category: its test images where there are enough.

    Args:
        dataset: With ``test_mode``.
        categories: Ids; by default all.
        pairs_per_category: Most pairs of each.
        novel_first: Whether novel categories come before base ones.

    Raises:
        ValueError: If the dataset is for training, has no such category, or no category has two
            images.
    """
    if not dataset.test_mode:
        raise ValueError('the dataset draws training pairs, expected one with test_mode=True')
    unknown = sorted(set(categories or ()) - set(dataset.pools))
    if unknown:
        raise ValueError(f'categories {unknown}: the dataset has {sorted(dataset.pools)}')
    ids = list(categories or dataset.pools)
    if novel_first:
        ids.sort(key=lambda category: dataset.pools[category].is_base)
    pairs = []
    for category_id in ids:
        own = [(role, i) for i, (c, role, _) in enumerate(dataset.images) if c == category_id]
        indices = [i for role, i in own if role == 'test']
        if len(indices) < 2:
            indices = [i for _, i in own]
        count = min(pairs_per_category, len(indices) // 2)
        pairs += [(indices[2 * n], indices[2 * n + 1]) for n in range(count)]
    if not pairs:
        raise ValueError(f'categories {ids}: none has two images')
    return pairs


@torch.no_grad()
def draw_pair(
    model: nn.Module, dataset: CategoryPairDataset, pair: tuple[int, int], size: int = 224
) -> np.ndarray:
    """The row of :func:`draw_weak_shot_row` for two images of a dataset.

    Args:
        model: A :class:`WeakShotPoseEstimator` in evaluation mode.
        dataset: With ``test_mode``.
        pair: Indices of the two images.
        size: Longer side of a panel in pixels.
    """
    items = [dataset[index] for index in pair]
    output = model(**model.data_preprocessor(pseudo_collate(items), False), mode='tensor')
    views = [_view(item, output, number) for number, item in enumerate(items)]
    found = None
    if output.descriptors is not None:
        found, _ = model.correspondence.transfer(
            output.prompts.points[:1], output.descriptors[:1], output.descriptors[1:]
        )
        found = found[0].float().cpu().numpy()
    sample = items[0]['data_samples']
    kind = 'base' if sample.is_base else 'novel'
    return draw_weak_shot_row(*views, found, f'{kind} {sample.category_name}', size)


def _view(item: dict, output: object, number: int) -> PromptView:
    sample, keyness, truth = item['data_samples'], None, None
    if output.keyness is not None and output.keyness.shape[1] == 1:
        keyness = output.keyness[number, 0].float().cpu().numpy()
    if 'gt_instance_labels' in sample:
        labels = sample.gt_instance_labels
        truth = labels.keypoints[0][labels.keypoints_visible[0] > 0].numpy()
    return PromptView(
        image=np.ascontiguousarray(item['inputs'].numpy().transpose(1, 2, 0)),
        heatmaps=output.heatmaps[number].float().cpu().numpy(),
        points=output.prompts.points[number].float().cpu().numpy(),
        visibility=output.prompts.visibility[number].float().cpu().numpy(),
        keyness=keyness,
        truth=truth,
    )
