"""Episodes of random pixels, to run a model without any data."""

from __future__ import annotations

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.registry import TRANSFORMS

from kpt_plugins.structures.skeleton import minimum_spanning_tree

from .run_config import episode_datasets, walk_dicts


def random_episode(
    cfg: Config, num_shots: int | None = None, num_keypoints: int = 8, seed: int = 0
) -> dict:
    """One item as the test ``EpisodeDataset`` of a config would make it, of random content.

    Pixels and keypoints are random, all keypoints visible, the skeleton is a tree over them. The
    episode passes the config's own episode pipeline, so padding and references are the real ones.

    Args:
        cfg: config with an ``EpisodeDataset`` in ``test_dataloader``.
        num_shots: supports, by default the config's.
        num_keypoints: keypoints of the category.
        seed: seed of all draws.

    Returns:
        ``inputs`` ``uint8 Tensor (S + 1, 3, H, W)`` and ``data_samples``.

    Raises:
        ValueError: if the config tests on no episodes, or its crops have no size.
    """
    datasets = episode_datasets(cfg, 'test_dataloader')
    if not datasets:
        raise ValueError('random episodes need an EpisodeDataset in test_dataloader')
    dataset = datasets[0]
    crops = [d['input_size'] for d in walk_dicts(dataset) if d.get('type') == 'TopdownAffine']
    if not crops:
        raise ValueError('random episodes need the size of a TopdownAffine in the test pipeline')
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    width, height = crops[0]
    num_images = (num_shots or dataset.get('num_shots', 1)) + 1
    rng = np.random.default_rng(seed)
    points = rng.random((num_images, num_keypoints, 2), dtype=np.float32)
    links = minimum_spanning_tree(points[-1])
    images = [
        dict(
            img=rng.integers(256, size=(height, width, 3), dtype=np.uint8),
            img_path='random',
            id=number,
            bbox=np.array([[0, 0, width, height]], dtype=np.float32),
            keypoints=points[number : number + 1] * np.float32([width, height]),
            input_size=(width, height),
            input_center=np.float32([width / 2, height / 2]),
            input_scale=np.float32([width, height]),
            skeleton=links,
            flip_pairs=[],
        )
        for number in range(num_images)
    ]
    episode = dict(
        images=images,
        points=points,
        visible=np.ones((num_images, num_keypoints), dtype=bool),
        links=[links] * num_images,
        num_keypoints=num_keypoints,
        meta=dict(
            pair_index=0,
            category_id=0,
            category_name='random',
            id=num_images - 1,
            support_ids=list(range(num_images - 1)),
        ),
    )
    return Compose([TRANSFORMS.build(transform) for transform in dataset.pipeline])(episode)
