"""Collation of pairs of images."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.registry import FUNCTIONS


@FUNCTIONS.register_module()
def pair_collate(batch: Sequence[Sequence[dict]]) -> dict:
    """Lay the pairs of a batch one after the other, as MMPose's preprocessor takes images.

    Args:
        batch: B pairs, each of two dicts with ``inputs`` and ``data_samples``.

    Returns:
        dict: ``inputs``, list of 2B Tensors (3, H, W), and ``data_samples``, list of 2B, in the
        order i0, r0, i1, r1, ...
    """
    images = [image for pair in batch for image in pair]
    return dict(
        inputs=[image['inputs'] for image in images],
        data_samples=[image['data_samples'] for image in images],
    )
