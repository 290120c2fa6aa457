"""A dataset's description and its records, cut down to some of the keypoints and put in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

LABELS = ('keypoints', 'keypoints_visible', 'keypoints_3d', 'transformed_keypoints')
"""Fields of a record that are arrays (N, K, ...)."""

PER_KEYPOINT = ('dataset_keypoint_weights', 'sigmas', 'keypoint_colors')
"""Fields of a description that are arrays or lists of length K."""


def find_keypoints(names: Sequence[str], known: Sequence[str], where: str) -> list[int]:
    """Indices of keypoints in a dataset.

    Args:
        names: Names of the keypoints.
        known: The dataset's keypoint names, in its order.
        where: What they are the names of, for the message.

    Raises:
        ValueError: If a name is unknown or given twice.
    """
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f'keypoint {", ".join(map(str, unknown))}: not among the {len(known)} of {where}: '
            f'{", ".join(known)}'
        )
    check_unique(names)
    index = {name: i for i, name in enumerate(known)}
    return [index[name] for name in names]


def check_unique(keypoints: Sequence[str] | Sequence[int]) -> None:
    """Refuse names or indices given more than once.

    Raises:
        ValueError: Naming them.
    """
    repeated = [k for k, count in Counter(keypoints).items() if count > 1]
    if repeated:
        raise ValueError(f'keypoint {", ".join(map(str, repeated))}: given more than once')


def keypoint_names(info: Mapping) -> list[str]:
    """The keypoint names of a dataset's metainfo, in its order."""
    return [info['keypoint_id2name'][i] for i in range(info['num_keypoints'])]


def select_metainfo(info: Mapping, names: Sequence[str]) -> dict:
    """A dataset's metainfo for some of its keypoints, in the order of `names`.

    Flipping an image needs the swap partner of every keypoint. Where one is not among `names`,
    `flip_indices` is None, `flip_pairs` is empty and `swap_missing` lists the (keypoint, partner)
    names; see :func:`check_flip`.

    Args:
        info: Metainfo as `mmpose.datasets.datasets.utils.parse_pose_metainfo` makes it. Links
            with an end outside `names` are left out, and so are the keypoints of the category
            records in `CLASSES`.
        names: Keypoint names.

    Returns:
        A new dict with the fields of `info` and `swap_missing`.

    Raises:
        ValueError: If a name is unknown or given twice.
    """
    known = keypoint_names(info)
    indices = find_keypoints(names, known, str(info.get('dataset_name', 'the dataset')))
    result = {**info, **select_structure(info, indices)}
    result['num_keypoints'] = len(indices)
    result['keypoint_id2name'] = dict(enumerate(names))
    result['keypoint_name2id'] = {name: i for i, name in enumerate(names)}
    missing = missing_partners(info.get('flip_indices'), indices)
    before = [pair for pair in info.get('swap_missing', ()) if pair[0] in names]
    result['swap_missing'] = before + [(known[i], known[j]) for i, j in missing]
    if 'CLASSES' in info:
        # Their lists of all keypoints would contradict the names above.
        gone = ('keypoints', 'skeleton', 'flip_pairs')
        result['CLASSES'] = [
            {key: value for key, value in record.items() if key not in gone}
            for record in info['CLASSES']
        ]
    return result


def select_structure(info: Mapping, indices: Sequence[int]) -> dict:
    """The fields of a metainfo, or of a record that carries some of them, that hold indices.

    Args:
        info: Any of `flip_indices`, `flip_pairs`, `upper_body_ids`, `lower_body_ids`,
            `skeleton_links`, `skeleton_link_colors` (beside the links), `num_skeleton_links` and
            those of `PER_KEYPOINT`; other fields are ignored.
        indices: Of the keypoints to keep, in their new order.

    Returns:
        New values of those fields that `info` has; `flip_indices` is None and `flip_pairs` empty
        where a keypoint's swap partner is not kept.
    """
    place = {old: new for new, old in enumerate(indices)}
    result = {key: _take(info[key], indices) for key in PER_KEYPOINT if key in info}
    for key in ('upper_body_ids', 'lower_body_ids'):
        if key in info:
            result[key] = sorted(place[i] for i in info[key] if i in place)
    flips = info.get('flip_indices')
    closed = flips is not None and not missing_partners(flips, indices)
    if 'flip_indices' in info:
        result['flip_indices'] = [place[flips[i]] for i in indices] if closed else None
    if 'flip_pairs' in info:
        pairs = info['flip_pairs'] if closed else []
        result['flip_pairs'] = [(place[i], place[j]) for i, j in pairs if i in place]
    if 'skeleton_links' in info:
        links = [(n, i, j) for n, (i, j) in enumerate(info['skeleton_links'])]
        links = [(n, place[i], place[j]) for n, i, j in links if i in place and j in place]
        result['skeleton_links'] = [(i, j) for _, i, j in links]
        if 'num_skeleton_links' in info:
            result['num_skeleton_links'] = len(links)
        if 'skeleton_link_colors' in info:
            result['skeleton_link_colors'] = _take(
                info['skeleton_link_colors'], [n for n, _, _ in links]
            )
    return result


def select_labels(record: Mapping, indices: Sequence[int]) -> dict:
    """The fields of a record that hold its keypoints.

    Args:
        record: Any of the arrays of `LABELS`, `num_keypoints`, and `raw_ann_info` (the COCO
            annotation object, a list of them, or None); other fields are ignored.
        indices: Of the keypoints to keep, in their new order.

    Returns:
        New values of those fields that `record` has.
    """
    result = {key: record[key].take(indices, axis=1) for key in LABELS if key in record}
    if 'num_keypoints' in record and 'keypoints_visible' in result:
        visible = result['keypoints_visible']
        visible = visible[..., 0] if visible.ndim == 3 else visible
        result['num_keypoints'] = int(np.count_nonzero(visible > 0))
    if 'raw_ann_info' in record:
        raw = record['raw_ann_info']
        if isinstance(raw, list):
            result['raw_ann_info'] = [_select_annotation(one, indices) for one in raw]
        else:
            result['raw_ann_info'] = _select_annotation(raw, indices)
    return result


def missing_partners(
    flip_indices: Sequence[int] | None, indices: Collection[int]
) -> list[tuple[int, int]]:
    """Keypoints whose swap partner is not among `indices`, as (keypoint, partner)."""
    if flip_indices is None:
        return []
    return [(i, flip_indices[i]) for i in indices if flip_indices[i] not in indices]


def check_flip(metainfo: Mapping, what: str) -> None:
    """Refuse flipping with keypoints that are not closed under left/right swap.

    Args:
        metainfo: A result of :func:`select_metainfo`, or any dataset's.
        what: What flips, for the message, e.g. 'test_cfg.flip_test'.

    Raises:
        ValueError: Naming each keypoint with its missing partner, or if `flip_indices` is None.
    """
    missing = metainfo.get('swap_missing')
    if missing:
        pairs = ', '.join(f'{name} without {partner}' for name, partner in missing)
        raise ValueError(
            f'{what} needs both keypoints of each left/right pair, but there is {pairs}: put '
            f'both into the same step, or do not flip'
        )
    if metainfo.get('flip_indices', ()) is None:
        raise ValueError(f'{what} needs flip_indices, which the metainfo does not have')


def _select_annotation(annotation: dict | None, indices: Sequence[int]) -> dict | None:
    """A COCO annotation object with the chosen keypoints."""
    if annotation is None or 'keypoints' not in annotation:
        return annotation
    keypoints = [v for i in indices for v in annotation['keypoints'][3 * i : 3 * i + 3]]
    num_keypoints = sum(v > 0 for v in keypoints[2::3])
    return {**annotation, 'keypoints': keypoints, 'num_keypoints': num_keypoints}


def _take(values: np.ndarray | Sequence, indices: Sequence[int]) -> np.ndarray | list:
    if isinstance(values, np.ndarray):
        return values[list(indices)]
    return [values[i] for i in indices]
