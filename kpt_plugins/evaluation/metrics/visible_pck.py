"""PCK of visible and of occluded keypoints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmpose.registry import METRICS

from ..functional.keypoint_error import box_normalizer, keypoint_distances
from ..functional.visible_pck import nan_mean, visibility_scores


@dataclass(frozen=True)
class KeypointRecords:
    """What was predicted for N instances of K keypoints.

    Args:
        errors: float64 (N, K), distances as fractions of the normalizing length.
        annotated, occluded: bool (N, K).
        scores: float64 (N, K), the predictions' keypoint scores.
        groups: name of the grouping to N values.
    """

    errors: np.ndarray
    annotated: np.ndarray
    occluded: np.ndarray
    scores: np.ndarray
    groups: dict[str, list[str]]

    def evaluate(self, thr: float, chosen: np.ndarray | slice = slice(None)) -> dict[str, float]:
        """:func:`visibility_scores` of all instances, or of some."""
        arrays = (self.errors, self.annotated, self.occluded, self.scores)
        return visibility_scores(*(array[chosen] for array in arrays), thr)


UNKNOWN = 'unknown'
"""Group of the azimuths that are not annotated; not in the mean over bins."""


@METRICS.register_module()
class VisiblePCKMetric(BaseMetric):
    """PCK of the keypoints that can be seen, for top-down models on images with occlusion.

    Visible are annotated keypoints that lie under no occluder; those that do are scored apart.
    ``PCK_visible`` and ``PCK_occluded`` are means over keypoints (macro), in percent, the same with
    ``_micro`` pools all keypoints; ``AUROC`` in [0, 1] says how well ``keypoint_scores`` tell
    visible (high) from occluded (low) annotated keypoints. NaN where there is nothing to score. On
    clean images ``PCK_visible`` is MMPose's ``PCKAccuracy`` times 100.

    For each name in ``by`` that the data samples have, the same for each of its values, as
    ``NAME=VALUE/PCK_visible``, and ``NAME/PCK_visible``, the mean over the values: over categories
    that is the mean of PASCAL3D+'s and ObjectNet3D's tables.

    The metainfo of the data samples says what is occluded and to which groups they belong, so
    ``meta_keys`` of ``PackPoseInputs`` must name ``keypoints_occluded`` (bool (1, K), by
    :class:`PasteOccluder` or the dataset; without it nothing counts as occluded),
    ``occlusion_level``, ``azimuth_bin``.

    Categories of one dataset may have different numbers of keypoints; the macro mean over all
    instances then takes keypoints together by their number, that over categories does not.

    Args:
        thr: a prediction is right if it is strictly closer to the truth than this times the norm.
        norm: ``'bbox'``: the longer side of the true box; ``'head_size'``: as MMPose's
            ``MpiiDataset`` gives it where it has a ``headbox_file`` (PCKh, with ``thr=0.5``).
        by: keys of the metainfo; ``'category'`` is that of ``category_id``, by name if the dataset
            has names.
        collect_device: see :class:`mmengine.evaluator.BaseMetric`.
        prefix: first part of the scores' names, ``'occlusion'`` by default.
        collect_dir: see :class:`mmengine.evaluator.BaseMetric`.

    Attributes:
        records: :class:`KeypointRecords` of the last evaluation, None before.

    Raises:
        ValueError: for wrong arguments, or data samples that lack something or do not fit.

    Examples:
        >>> test_evaluator = dict(type='VisiblePCKMetric', thr=0.1, by=['occlusion_level'])
    """

    default_prefix = 'occlusion'

    def __init__(
        self,
        thr: float = 0.1,
        norm: str = 'bbox',
        by: Sequence[str] = ('category', 'occlusion_level', 'azimuth_bin'),
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        if isinstance(thr, bool) or not isinstance(thr, (int, float)) or not 0 < thr < math.inf:
            raise ValueError(f'thr={thr!r}: expected a positive number')
        if norm not in ('bbox', 'head_size'):
            raise ValueError(f"norm={norm!r}: expected 'bbox' or 'head_size'")
        if isinstance(by, str) or not all(isinstance(name, str) for name in by):
            raise ValueError(f'by={by!r}: expected a list of names')
        self.thr = float(thr)
        self.norm = norm
        self.by = tuple(by)
        self.records: KeypointRecords | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep error, visibility and score of every keypoint of a batch."""
        for sample in data_samples:
            truth, pred = sample['gt_instances'], sample['pred_instances']
            target = np.asarray(truth['keypoints'], dtype=np.float64)[0, :, :2]
            visible = np.asarray(truth['keypoints_visible'])
            visible = (visible[..., 0] if visible.ndim == 3 else visible)[0] > 0
            points = np.asarray(pred['keypoints'], dtype=np.float64)[0, :, :2]
            if len(points) != len(target):
                raise ValueError(
                    f'{_where(sample)}: the model predicts {len(points)} keypoints, the dataset '
                    f'has {len(target)}'
                )
            if 'keypoint_scores' not in pred:
                raise ValueError(f'{_where(sample)}: the predictions have no keypoint_scores')
            scores = np.asarray(pred['keypoint_scores'], dtype=np.float64)[0]
            if np.isnan(scores[visible]).any():
                raise ValueError(f'{_where(sample)}: there is a keypoint score that is NaN')
            errors = keypoint_distances(points, target) / self._length(sample)
            occluded = _occluded(sample, len(target))
            self.results.append((errors, visible, occluded, scores, self._groups(sample)))

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Scores of all instances, then of every group; keeps ``records``."""
        if not results:
            raise ValueError('no instance was evaluated: no score')
        *columns, groups = zip(*results, strict=True)
        grouped = {name: [group.get(name) for group in groups] for name in self.by}
        for name, values in list(grouped.items()):
            if None in values:
                del grouped[name]
                if len(set(values)) > 1:
                    raise ValueError(f'by={name!r}: only some of the data samples have it')
        self.records = KeypointRecords(*map(_stack, columns), grouped)
        scores = self.records.evaluate(self.thr)
        for name, values in grouped.items():
            parts = {
                value: self.records.evaluate(self.thr, np.array(values) == value)
                for value in sorted(set(values))
            }
            for score in next(iter(parts.values())):
                known = [part[score] for value, part in parts.items() if value != UNKNOWN]
                scores |= {f'{name}={value}/{score}': part[score] for value, part in parts.items()}
                scores[f'{name}/{score}'] = nan_mean(np.array(known))
        return scores

    def _length(self, sample: Mapping[str, Any]) -> float:
        if self.norm == 'bbox':
            return box_normalizer(np.asarray(sample['gt_instances']['bboxes'])[0])
        if 'head_size' not in sample['gt_instances']:
            raise ValueError(
                f'{_where(sample)}: there is no head_size to take PCK by (MpiiDataset gives it '
                f'where headbox_file is set)'
            )
        size = float(np.asarray(sample['gt_instances']['head_size']).squeeze())
        if not 0 < size < math.inf:
            raise ValueError(f'{_where(sample)}: head_size is {size}, expected more than 0')
        return size

    def _groups(self, sample: Mapping[str, Any]) -> dict[str, str]:
        """Value of each grouping that the sample has."""
        groups = {}
        for name in self.by:
            value = sample.get('category_id' if name == 'category' else name)
            if value is None:
                continue
            value = np.asarray(value).item() if np.ndim(value) == 0 else value
            if name == 'azimuth_bin' and value == -1:
                value = UNKNOWN
            groups[name] = self._category(value) if name == 'category' else str(value)
        return groups

    def _category(self, category_id: Any) -> str:
        classes = (self.dataset_meta or {}).get('CLASSES') or ()
        names = {entry['id']: entry['name'] for entry in classes if isinstance(entry, Mapping)}
        return str(names.get(category_id, category_id))


def _stack(rows: Sequence[np.ndarray]) -> np.ndarray:
    """(N, K) of N rows; those of fewer keypoints are filled up as not annotated, with zeros."""
    table = np.zeros((len(rows), max(map(len, rows))), dtype=rows[0].dtype)
    for line, row in zip(table, rows, strict=True):
        line[: len(row)] = row
    return table


def _occluded(sample: Mapping[str, Any], num_keypoints: int) -> np.ndarray:
    """bool (K,): the keypoint lies under an occluder."""
    marks = sample.get('keypoints_occluded')
    if marks is None:
        if sample.get('occlusion_level'):
            raise ValueError(
                f'{_where(sample)}: its occlusion_level is {sample["occlusion_level"]} but there '
                f'is no keypoints_occluded; name it in meta_keys of PackPoseInputs'
            )
        return np.zeros(num_keypoints, dtype=bool)
    marks = np.asarray(marks)
    if marks.shape != (1, num_keypoints):
        raise ValueError(
            f'{_where(sample)}: keypoints_occluded is {marks.shape}, expected (1, {num_keypoints})'
        )
    return marks[0].astype(bool)


def _where(sample: Mapping[str, Any]) -> str:
    return f'{sample.get("img_path", "image")}, instance {sample.get("id", "without id")}'
