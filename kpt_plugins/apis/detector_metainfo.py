"""What a detector's keypoints are, as far as its checkpoint or config tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.structures.left_right import find_left_right_pairs


def known_metainfo(cfg: Config, meta: Mapping[str, Any]) -> dict[str, Any]:
    """MMPose's parsed metainfo of a detector's keypoints, empty where nothing tells it.

    Args:
        cfg: Of the experiment.
        meta: Of the checkpoint, which knows best.
    """
    info = meta.get('dataset_meta') or {}
    if 'keypoint_id2name' in info:
        return dict(info)
    from mmpose.apis.inference import dataset_meta_from_config  # slow: it imports MMDetection

    try:
        return dataset_meta_from_config(cfg, dataset_mode='test') or {}
    except (AssertionError, LookupError, OSError, TypeError, ValueError):
        # datasets whose keypoints are in their files; a checkpoint trained on one names them
        return {}


def metainfo_category(info: Mapping[str, Any]) -> KeypointCategory:
    """The category that a metainfo describes, with the name of its dataset.

    Args:
        info: Parsed, with ``keypoint_id2name``.

    Raises:
        ValueError: If a name occurs twice, or links or mirrored keypoints are wrong.
    """
    names = [str(info['keypoint_id2name'][i]) for i in range(len(info['keypoint_id2name']))]
    left_right = set(find_left_right_pairs(names))
    pairs = [(a, int(b)) for a, b in enumerate(info.get('flip_indices', ())) if a < b]
    return KeypointCategory(
        str(info.get('dataset_name') or 'object'),
        names,
        [(int(a), int(b)) for a, b in info.get('skeleton_links', ())],
        [(b, a) if (b, a) in left_right else (a, b) for a, b in pairs],
    )
