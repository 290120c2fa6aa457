"""What a weak-shot model's keyness map and descriptors are worth by themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import nn

from kpt_plugins.datasets.category_pair_dataset import CategoryPairDataset
from kpt_plugins.evaluation.functional import (
    box_normalizer,
    draw_image_pairs,
    keyness_squared_error,
    keyness_target,
    mean_shift_px256,
    pair_pck,
    shifted_points,
    transfer_points,
)
from kpt_plugins.structures.geometry import apply_affine

THRESHOLDS = (0.2, 0.1, 0.05)


def probe_weak_shot(
    model: nn.Module,
    dataset: CategoryPairDataset,
    num_pairs: int = 200,
    noise: float = 0.05,
    seed: int = 0,
    batch_size: int = 16,
) -> dict[int, dict[str, float]]:
    """Probes of each category on its test images (weak-shot, section 4.4).

    - ``keyness_shift``: distance from the truth in pixels at 256 after keypoints were shifted by
      noise and moved by one keyness step; ``noise_shift``: before the step.
    - Only for keyness maps, not for offsets: ``true_map_shift``, after a step on the true keyness
      map, which no model can be expected to beat; ``keyness_sse``, the sum of squared differences
      from the true map, on 64 x 64 cells; ``empty_sse``, that of a map of zeros.
    - ``transfer_PCK@0.2``, ...: keypoints carried to another image of the category by the nearest
      descriptor, share within a fraction of the box's longest side.

    Args:
        model: A :class:`WeakShotPoseEstimator` in evaluation mode, with keyness and correspondence.
        dataset: Annotated images, with ``test_mode``.
        num_pairs: Most pairs of images a category.
        noise: Standard deviation of the shift, fraction of the crop.
        seed: Of noise and pairs.
        batch_size: Images at once.

    Returns:
        Scores by category id, and ``is_base``; categories without two annotated test images are
        left out.

    Raises:
        ValueError: If the model lacks one of the heads, the dataset is for training, or no category
            has two annotated test images.
    """
    if model.keyness is None or model.correspondence is None:
        raise ValueError('the model has no keyness or no correspondence head, nothing to probe')
    if not dataset.test_mode:
        raise ValueError('the dataset draws training pairs, expected one with test_mode=True')
    scores = {}
    for category_id, pool in dataset.pools.items():
        indices = [
            i for i, (c, role, _) in enumerate(dataset.images) if (c, role) == (category_id, 'test')
        ]
        items = [dataset[i] for i in indices]
        items = [item for item in items if 'gt_instance_labels' in item['data_samples']]
        if len(items) < 2:
            continue
        maps, offsets, descriptors = _outputs(model, items, noise, seed, batch_size)
        scores[category_id] = dict(
            is_base=float(pool.is_base),
            **_probe_keyness(model, items, maps, offsets, noise, seed),
            **_probe_correspondence(items, descriptors, num_pairs, seed),
        )
    if not scores:
        raise ValueError('no category of the dataset has two annotated test images')
    return scores


def summarize_probes(scores: dict[int, dict[str, float]]) -> dict[str, float]:
    """Means over base and over novel categories, as ``base/...`` and ``novel/...``."""
    result = {}
    for kind, flag in (('base', 1.0), ('novel', 0.0)):
        rows = [row for row in scores.values() if row['is_base'] == flag]
        for key in rows[0] if rows else ():
            if key != 'is_base':
                result[f'{kind}/{key}'] = float(np.nanmean([row[key] for row in rows]))
    return result


@torch.no_grad()
def _outputs(
    model: nn.Module, items: Sequence[dict], noise: float, seed: int, batch_size: int
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Keyness maps, each image's way of its shifted keypoints, descriptors."""
    maps, offsets, descriptors = [], [], []
    for start in range(0, len(items), batch_size):
        part = items[start : start + batch_size]
        data = model.data_preprocessor(pseudo_collate(part), False)
        output = model(**data, mode='tensor')
        for number, item in enumerate(part):
            moved = _shifted(item, noise, seed)
            own = output.keyness[number : number + 1]
            moved = torch.as_tensor(moved[None], dtype=own.dtype, device=own.device)
            offsets.append(model.keyness.local_offset(own, moved)[0].cpu().numpy())
        maps.append(output.keyness.float().cpu().numpy())
        descriptors.append(output.descriptors.float().cpu().numpy())
    return np.concatenate(maps), offsets, np.concatenate(descriptors)


def _labels(item: dict) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (K, 2) as fractions of the crop, and which are visible in it."""
    labels = item['data_samples'].gt_instance_labels
    return labels.keypoints[0].numpy(), labels.keypoints_visible[0].numpy() > 0


def _shifted(item: dict, noise: float, seed: int) -> np.ndarray:
    """An image's keypoints with noise of its own."""
    return shifted_points(_labels(item)[0], noise, (seed, item['data_samples'].index))


@torch.no_grad()
def _probe_keyness(
    model: nn.Module,
    items: Sequence[dict],
    maps: np.ndarray,
    offsets: list[np.ndarray],
    noise: float,
    seed: int,
) -> dict[str, float]:
    labels = [_labels(item) for item in items]
    points, visible = (np.stack(each) for each in zip(*labels, strict=True))
    moved = np.stack([_shifted(item, noise, seed) for item in items])
    result = dict(
        noise_shift=mean_shift_px256(moved, points, visible),
        keyness_shift=mean_shift_px256(moved + np.stack(offsets), points, visible),
    )
    if maps.shape[1] == 1:
        true = np.stack([keyness_target(*label, maps.shape[-2:], model.sigma) for label in labels])
        errors = [keyness_squared_error(own[0], t) for own, t in zip(maps, true, strict=True)]
        result['keyness_sse'] = float(np.mean(errors))
        result['empty_sse'] = float(np.mean([keyness_squared_error(0 * t, t) for t in true]))
        step = model.keyness.local_offset(
            torch.from_numpy(true).float()[:, None], torch.from_numpy(moved).float()
        )
        result['true_map_shift'] = mean_shift_px256(moved + step.numpy(), points, visible)
    return result


def _probe_correspondence(
    items: Sequence[dict], descriptors: np.ndarray, num_pairs: int, seed: int
) -> dict[str, float]:
    right = []
    key = (seed, items[0]['data_samples'].category_id)
    for source, target in draw_image_pairs(len(items), num_pairs, key):
        points, seen = _labels(items[source])
        truth, present = _labels(items[target])
        both = seen & present
        if not both.any():
            continue
        found = transfer_points(points, descriptors[source], descriptors[target])
        sample = items[target]['data_samples']
        size = np.asarray(sample.input_size)
        error = apply_affine(sample.crop_to_image, found * size)
        error = error - apply_affine(sample.crop_to_image, truth * size)
        longest = box_normalizer(np.asarray(sample.gt_instances.bboxes[0]))
        right.append(pair_pck(np.linalg.norm(error, axis=-1) / longest, both, THRESHOLDS))
    pck = np.mean(right, axis=0) if right else np.full(len(THRESHOLDS), np.nan)
    return {f'transfer_PCK@{t:g}': float(v) for t, v in zip(THRESHOLDS, pck, strict=True)}
