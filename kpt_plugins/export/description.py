"""What a runtime must know beside the graphs: how crops are made and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.config import Config
from torch import nn

from kpt_plugins.apis.detector_metainfo import known_metainfo
from kpt_plugins.apis.run_config import walk_dicts

FILE = 'export.json'
FORMAT = 1


def find_transform(cfg: Config, kind: str) -> dict | None:
    """The config of a transform in the test pipelines, or None."""
    transforms = walk_dicts(cfg.get('test_dataloader'))
    return next((t for t in transforms if t.get('type') == kind), None)


def describe_crop(model: nn.Module, cfg: Config) -> dict[str, Any]:
    """How an image and a box become a crop.

    Returns:
        dict: ``input_size`` [w, h] in pixels, ``box_padding``, ``udp``, ``color_order`` (``'rgb'``
        or ``'bgr'``), and ``mean`` and ``std`` of the channels in that order, of pixels in [0,
        255].

    Raises:
        ValueError: If the config's test pipeline makes no crops of boxes.
    """
    affine = find_transform(cfg, 'TopdownAffine')
    if affine is None:
        raise ValueError(
            f'{cfg.filename}: test_dataloader has no TopdownAffine; only models of crops of boxes '
            f'(top-down) have an export'
        )
    box = find_transform(cfg, 'GetBBoxCenterScale') or {}
    preprocessor = model.data_preprocessor
    mean = getattr(preprocessor, 'mean', None)
    std = getattr(preprocessor, 'std', None)
    swap = getattr(preprocessor, 'bgr_to_rgb', getattr(preprocessor, '_channel_conversion', False))
    return dict(
        input_size=[int(size) for size in affine['input_size']],
        box_padding=float(box.get('padding', 1.25)),
        udp=bool(affine.get('use_udp', False)),
        color_order='rgb' if swap else 'bgr',
        mean=[0.0] * 3 if mean is None else mean.flatten().tolist(),
        std=[1.0] * 3 if std is None else std.flatten().tolist(),
    )


def describe_keypoints(cfg: Config, meta: Mapping[str, Any]) -> dict[str, Any]:
    """The keypoints of a detector, as far as its checkpoint or config tells.

    Args:
        cfg: Of the experiment.
        meta: Of the checkpoint.

    Returns:
        dict: ``keypoint_names``, ``skeleton`` (pairs of indices from 0), ``flip_indices``; each
        None if it is not known.
    """
    info = known_metainfo(cfg, meta)
    names = info.get('keypoint_id2name')
    return dict(
        keypoint_names=None if names is None else [names[i] for i in range(len(names))],
        skeleton=_whole(info.get('skeleton_links')),
        flip_indices=_whole(info.get('flip_indices')),
    )


def describe_episode(cfg: Config) -> dict[str, Any]:
    """How supports are padded and looked up.

    Returns:
        dict: ``num_keypoints`` (K after padding), ``num_references``, ``padding`` (``'eqdiv'`` or
        ``'zero'``), ``legacy_order``, ``structure`` (``'skeleton'`` or ``'self'``) and
        ``visible_grid``, cells and radius of
        :class:`~kpt_plugins.datasets.transforms.HideKeypointsOutsideCrop`, None without it.

    Raises:
        ValueError: If the config does not test on episodes, or pads them at random.
    """
    padding = find_transform(cfg, 'KeypointPadding')
    references = find_transform(cfg, 'StructuralReferences')
    if padding is None or references is None:
        raise ValueError(
            f'{cfg.filename}: test_dataloader has no KeypointPadding and StructuralReferences, '
            f'which say how the supports of a few-shot model are prepared'
        )
    if padding.get('mode', 'mixup') == 'mixup':
        raise ValueError(
            f"{cfg.filename}: KeypointPadding of test_dataloader has mode='mixup', which is for "
            f"training; expected 'eqdiv' or 'zero'"
        )
    hide = find_transform(cfg, 'HideKeypointsOutsideCrop')
    return dict(
        num_keypoints=padding.get('num_keypoints', 70),
        num_references=references.get('num_references', 8),
        padding=padding['mode'],
        legacy_order=bool(padding.get('legacy_order', False)),
        structure=references.get('structure', 'skeleton'),
        visible_grid=hide and [hide.get('grid_size', 64), hide.get('radius', 6)],
    )


def _whole(values: Any) -> list | None:
    return None if values is None else np.asarray(values, dtype=int).tolist()
