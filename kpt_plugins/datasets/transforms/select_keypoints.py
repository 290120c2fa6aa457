"""Keep some of the keypoints of a record, in a given order."""

from __future__ import annotations

from collections.abc import Sequence

from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

from kpt_plugins.structures.keypoint_selection import (
    LABELS,
    check_unique,
    find_keypoints,
    keypoint_names,
    missing_partners,
    select_labels,
    select_structure,
)

TARGETS = ('heatmaps', 'keypoint_labels', 'keypoint_weights')


@TRANSFORMS.register_module()
class SelectKeypoints(BaseTransform):
    """Pick and reorder keypoints, with everything in the record that counts them.

    Unlike MMPose's `KeypointConverter` it also brings the left/right partners, the skeleton and
    the raw annotation in line, so that flips and COCO metrics stay right. It belongs before the
    generation of targets. The dataset's metainfo is not changed: for training and evaluating on
    some keypoints throughout, use :class:`KeypointStepDataset`.

    Changed, where present: keypoints, keypoints_visible, keypoints_3d, transformed_keypoints,
    num_keypoints, raw_ann_info (its keypoints and num_keypoints), flip_indices, flip_pairs,
    upper_body_ids, lower_body_ids, skeleton_links, dataset_keypoint_weights, sigmas. Added where
    the names are known: keypoint_names.

    Args:
        names: Names of the keypoints, in their new order; the record names its keypoints in
            `keypoint_names` or by the metainfo of its `dataset`.
        indices: Instead of `names`: indices of the keypoints in the record.
        flip: The image may be flipped afterwards, so each keypoint's left/right partner must be
            kept too. False sets `flip_indices` to None where one is not.

    Raises:
        ValueError: If not exactly one of `names` and `indices` is given, one is unknown or given
            twice, a partner is missing, or targets were generated already.
    """

    def __init__(
        self,
        names: Sequence[str] | None = None,
        indices: Sequence[int] | None = None,
        flip: bool = True,
    ) -> None:
        if (names is None) == (indices is None):
            raise ValueError(f'names={names!r}, indices={indices!r}: expected exactly one of them')
        chosen = names if indices is None else indices
        kind, what = (str, 'names') if indices is None else (int, 'indices')
        is_list = isinstance(chosen, Sequence) and not isinstance(chosen, str)
        if not is_list or not chosen or not all(isinstance(c, kind) for c in chosen):
            raise ValueError(f'{what}={chosen!r}: expected a list of keypoint {what}')
        check_unique(chosen)
        self.names = None if names is None else tuple(names)
        self.indices = None if indices is None else tuple(indices)
        self.flip = flip

    def transform(self, results: dict) -> dict:
        """Select the keypoints of one record."""
        made = [key for key in TARGETS if key in results]
        if made:
            raise ValueError(
                f'SelectKeypoints must come before GenerateTarget: {", ".join(made)} are there'
            )
        known = _known_names(results)
        indices = self._find(results, known)
        missing = missing_partners(results.get('flip_indices'), indices)
        if self.flip and missing:
            if known is not None:
                missing = [(known[i], known[j]) for i, j in missing]
            pairs = ', '.join(f'{name} without {partner}' for name, partner in missing)
            raise ValueError(
                f'SelectKeypoints: keypoint {pairs}: flipping an image needs both keypoints of '
                f'each left/right pair; keep both, or set flip=False and do not flip'
            )
        results.update(select_labels(results, indices), **select_structure(results, indices))
        if known is not None:
            results['keypoint_names'] = [known[i] for i in indices]
        return results

    def _find(self, results: dict, known: list[str] | None) -> list[int]:
        """Indices of the chosen keypoints in the record."""
        if self.indices is None:
            if known is None:
                raise ValueError(
                    'SelectKeypoints: the record names no keypoints (it has neither '
                    'keypoint_names nor the dataset that it is from); give indices'
                )
            return find_keypoints(self.names, known, 'the record')
        count = next(results[key].shape[1] for key in LABELS if key in results)
        outside = [i for i in self.indices if not 0 <= i < count]
        if outside:
            raise ValueError(
                f'SelectKeypoints: indices {outside}: the record has {count} keypoints, expected '
                f'0 to {count - 1}'
            )
        return list(self.indices)

    def __repr__(self) -> str:
        return f'SelectKeypoints(names={self.names}, indices={self.indices}, flip={self.flip})'


def _known_names(results: dict) -> list[str] | None:
    """The names of a record's keypoints, None where it has none."""
    if 'keypoint_names' in results:
        return list(results['keypoint_names'])
    info = getattr(results.get('dataset'), 'metainfo', {})
    return keypoint_names(info) if 'keypoint_id2name' in info else None
