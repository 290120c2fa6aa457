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
        For each share a list of image ids, empty where there are too few. The order is that of the
        SHA-256 of seed and id.
    """
    ids = sorted(set(img_ids), key=lambda i: hashlib.sha256(f'{seed}:{i}'.encode()).hexdigest())
    ends = np.rint(np.cumsum(shares) / np.sum(shares) * len(ids)).astype(int).tolist()
    return [ids[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
