"""The labels of a batch of same-category pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmpose.structures import PoseDataSample
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


@dataclass
class PairBatch:
    """Which pairs are labelled, and their labels.

    Attributes:
        base (list[int]): The pairs of base categories.
        novel (list[int]): Those of novel ones, without labels.
        category_ids (list[int]): Of the base pairs.
        points (Tensor): (B, 2, K, 2) of the base pairs, fractions of the crops, padded with zeros.
        visible (Tensor): bool (B, 2, K); padded keypoints and those outside the crop are not.
    """

    base: list[int]
    novel: list[int]
    category_ids: list[int]
    points: Tensor
    visible: Tensor


def stack_pairs(data_samples: Sequence[PoseDataSample]) -> PairBatch:
    """Batch the labels of data samples in the order i0, r0, i1, r1, and so on.

    A sample's ``category_id`` and ``is_base`` are in its metainfo; if it is of a base category,
    ``gt_instance_labels`` has ``keypoints`` (1, K, 2), fractions of the crop, and
    ``keypoints_visible`` (1, K).

    Raises:
        ValueError: If the samples are no pairs, or a base category has no labels.
    """
    if len(data_samples) % 2:
        raise ValueError(
            f'the batch has {len(data_samples)} samples; expected pairs, as '
            f'CategoryPairDataset gives them with its pair collate function'
        )
    kinds = [(s.metainfo['category_id'], bool(s.metainfo['is_base'])) for s in data_samples]
    pairs = list(zip(kinds[::2], kinds[1::2], strict=True))
    for number, (first, second) in enumerate(pairs):
        if first != second:
            raise ValueError(
                f'pair {number} is of (category_id, is_base) {first} and {second}; expected two '
                f'images of one category'
            )
    base = [number for number, (kind, _) in enumerate(pairs) if kind[1]]
    novel = [number for number, (kind, _) in enumerate(pairs) if not kind[1]]
    labels = [_labels(data_samples[2 * number + side]) for number in base for side in (0, 1)]
    if not labels:
        nothing = torch.zeros(0, 2, 0, 2)
        return PairBatch(base, novel, [], nothing, nothing[..., 0].bool())
    points, visible = (pad_sequence(each, batch_first=True) for each in zip(*labels, strict=True))
    visible = (visible > 0) & (points >= 0).all(dim=-1) & (points <= 1).all(dim=-1)
    return PairBatch(
        base,
        novel,
        [pairs[number][0][0] for number in base],
        points.unflatten(0, (len(base), 2)),
        visible.unflatten(0, (len(base), 2)),
    )


def _labels(sample: PoseDataSample) -> tuple[Tensor, Tensor]:
    labels = sample.get('gt_instance_labels')
    if labels is None or 'keypoints' not in labels:
        raise ValueError(
            f'category {sample.metainfo["category_id"]} is a base category, but a sample of it '
            f'({sample.metainfo.get("img_path", "no path")}) has no gt_instance_labels.keypoints; '
            f'annotate it or list the category under novel_classes'
        )
    return labels.keypoints[0].float(), labels.keypoints_visible[0].float()
