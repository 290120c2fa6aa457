"""Small random batches for the tests of heads and estimators."""

import numpy as np
import torch

from kpt_plugins.structures.padding import mixup_padding
from kpt_plugins.structures.references import structural_references

SIZES = ((2, 2), (4, 4), (8, 8))


def random_pyramid(images, dims=16, dtype=torch.float32, generator=None):
    """Maps (images, dims, H, W), coarsest first."""
    return [torch.randn(images, dims, *hw, dtype=dtype, generator=generator) for hw in SIZES]


def random_episodes(batch=2, shots=1, real=6, padded=10, num_references=8, seed=0):
    """What the head gets of a batch of episodes: chains of ``real`` keypoints, padded by mixup."""
    rng = np.random.default_rng(seed)
    links = np.stack([np.arange(real - 1), np.arange(1, real)], axis=1)
    samples = []
    for _ in range(batch):
        plan = mixup_padding(links, padded - real, rng)
        images = [
            plan.apply(rng.random((real, 2), dtype=np.float32), rng.random(real) < 0.8)
            for _ in range(shots + 1)
        ]
        visible = np.stack([image.visible for image in images])
        given = visible[:-1].any(axis=0)
        samples.append(
            dict(
                points=np.stack([image.points for image in images]),
                visible=visible,
                references=np.stack(
                    [structural_references(i.links, i.visible, num_references) for i in images[:-1]]
                ),
                query_references=structural_references(
                    plan.chained_links(given), given, num_references
                ),
                reverse_references=structural_references(
                    images[-1].links, images[-1].visible, num_references
                ),
                real=np.arange(padded) < real,
            )
        )
    keys = samples[0]
    return {key: torch.from_numpy(np.stack([sample[key] for sample in samples])) for key in keys}


def randomise(module, scale=0.1, seed=0):
    """Move all parameters away from their initial values, so that nothing is zero by chance."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.data += scale * noise.to(parameter.dtype)
    return module
