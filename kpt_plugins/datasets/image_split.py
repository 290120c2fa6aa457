"""Parts of a dataset's images that stay the same wherever and whenever they are made."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np


def split_images(img_ids: Sequence, shares: Sequence[float], seed: int) -> list[list]:
    """Cut a dataset's images into disjoint parts that depend on the seed and the ids alone.

    Args:
        img_ids: Image ids in any order, possibly repeated.
        shares: Relative sizes of the parts.
        seed: Of the order of the images.

    Returns:
        For each share a list of image ids. The order is that of the SHA-256 of seed and id.

    Raises:
        ValueError: If a part would be empty.
    """
    ids = sorted(set(img_ids), key=lambda i: hashlib.sha256(f'{seed}:{i}'.encode()).hexdigest())
    ends = np.rint(np.cumsum(shares) / np.sum(shares) * len(ids)).astype(int).tolist()
    parts = [ids[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    for step, part in enumerate(parts):
        if not part:
            raise ValueError(
                f'step {step} gets none of the {len(ids)} images: with shares={list(shares)} '
                f'there are too few for {len(parts)} steps'
            )
    return parts
