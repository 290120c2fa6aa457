"""Accuracy of every keypoint after a step of incremental learning."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from ..functional import box_normalizer, keypoint_distances, per_keypoint_mean

LABELS = {'pck': 'PCK', 'pckh': 'PCKh', 'mre': 'MRE'}
"""The base metrics and what their scores are called."""


@METRICS.register_module()
class IncrementalKeypointMetric(BaseMetric):
    """PCK, PCKh or mean radial error of each keypoint seen so far, for top-down models.

    The dataset's metainfo says which keypoints there are and, with ``keypoint_steps`` and ``step``
    (:class:`KeypointStepDataset` sets them), which of them are new; without these all are. A
    keypoint's value is that over the instances which show it. ``A`` is the mean over keypoints,
    ``old`` (from step 1 on) and ``new`` are those over the old and new ones, ``PCK/NAME`` (or
    ``PCKh/NAME``, ``MRE/NAME``) is one keypoint's; NaN if no instance shows it, and such a keypoint
    is in no mean. With ``base='mre'`` also ``SDR@t``, the mean over keypoints of the successful
    detection rate: percent of the instances with an error below ``t``.

    Args:
        base: ``'pck'``: percent of predictions strictly closer to the truth than ``thr`` times the
            longest side of the true box; ``'pckh'``: than ``thr`` times ``head_size``, which
            MMPose's ``MpiiDataset`` with a ``headbox_file`` gives; ``'mre'``: mean distance.
        thr: threshold of PCK and PCKh.
        spacing: size of a pixel in mm, for ``'mre'``: a number, or the name of the value in the
            metainfo of the data samples or in their ``raw_ann_info`` (:class:`CephalometricDataset`
            gives ``'spacing'``). None: errors are in pixels of the original image.
        sdr: thresholds of SDR, in mm with a spacing, else in pixels; 2, 2.5, 3 and 4 mm are those
            of the cephalometric challenges (Wang et al., Medical Image Analysis 31, 2016).
        offset: added to predictions before comparing; 1 for MPII, whose annotations count pixels
            from 1, as in MMPose's ``MpiiPCKAccuracy``.
        out_file: JSON file for the values, a row of the matrix that ``summarize_incremental.py``
            reads: ``step``, ``base``, ``thr``, ``unit``, ``names`` in the order of learning, the
            ``new`` ones, ``values`` and ``counts`` (instances that show it) by name, ``sdr``.
        collect_device: see :class:`mmengine.evaluator.BaseMetric`.
        prefix: first part of the scores' names, ``'incremental'`` by default.
        collect_dir: see :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: for wrong arguments, or data samples that lack what the base metric needs.

    Examples:
        >>> test_evaluator = dict(
        ...     type='IncrementalKeypointMetric', base='mre', spacing='spacing', out_file='row.json'
        ... )
    """

    default_prefix = 'incremental'

    def __init__(
        self,
        base: str = 'pck',
        thr: float = 0.1,
        spacing: float | str | None = None,
        sdr: Sequence[float] = (2.0, 2.5, 3.0, 4.0),
        offset: float = 0.0,
        out_file: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        if base not in LABELS:
            raise ValueError(f'base={base!r}: expected one of {", ".join(LABELS)}')
        if base != 'mre' and not _is_positive(thr):
            raise ValueError(f'thr={thr!r}: expected a positive number')
        if not (spacing is None or isinstance(spacing, str) or _is_positive(spacing)):
            raise ValueError(f'spacing={spacing!r}: expected mm a pixel, the name of them, or None')
        if spacing is not None and base != 'mre':
            raise ValueError(f"spacing={spacing!r}: only for base='mre', got base={base!r}")
        if not all(map(_is_positive, sdr)):
            raise ValueError(f'sdr={sdr!r}: expected positive numbers')
        self.base = base
        self.thr = None if base == 'mre' else float(thr)
        self.spacing = spacing
        self.sdr = tuple(map(float, sdr)) if base == 'mre' else ()
        self.offset = offset
        self.out_file = out_file

    @property
    def unit(self) -> str:
        """What the values are in: '%', 'mm' or 'px'."""
        if self.base != 'mre':
            return '%'
        return 'px' if self.spacing is None else 'mm'

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep error and visibility of every keypoint of a batch."""
        for sample in data_samples:
            truth = sample['gt_instances']
            target = np.asarray(truth['keypoints'], dtype=np.float64)[0, :, :2]
            visible = np.asarray(truth['keypoints_visible'])
            visible = (visible[..., 0] if visible.ndim == 3 else visible)[0] > 0
            pred = np.asarray(sample['pred_instances']['keypoints'], dtype=np.float64)[0, :, :2]
            if len(pred) != len(target):
                raise ValueError(
                    f'{_where(sample)}: the model predicts {len(pred)} keypoints, the dataset has '
                    f'{len(target)}'
                )
            errors = keypoint_distances(pred + self.offset, target) * self._scale(sample)
            if self.base == 'mre' and not np.isfinite(errors[visible]).all():
                raise ValueError(f'{_where(sample)}: predictions that are not finite have no MRE')
            self.results.append((errors, visible))

    def compute_metrics(self, results: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
        """Scores of all instances; writes ``out_file``."""
        if not results:
            raise ValueError('no instance was evaluated: no score')
        names, new = self._names()
        errors, visible = map(np.stack, zip(*results, strict=True))
        if errors.shape[1] != len(names):
            raise ValueError(
                f'the metainfo of the dataset names {len(names)} keypoints, its records have '
                f'{errors.shape[1]}'
            )
        counts = visible.sum(axis=0)
        if not counts.any():
            raise ValueError(f'none of the {len(results)} instances shows a keypoint: no score')
        unseen = [name for name, count in zip(names, counts, strict=True) if not count]
        if unseen:
            MMLogger.get_current_instance().warning(
                f'no instance shows {", ".join(unseen)}: left out of the means'
            )
        values = per_keypoint_mean(
            errors if self.base == 'mre' else 100.0 * (errors < self.thr), visible
        )
        is_new = np.array([name in new for name in names])
        scores = {'A': _mean(values), 'new': _mean(values[is_new])}
        if not is_new.all():
            scores['old'] = _mean(values[~is_new])
        for limit in self.sdr:
            scores[f'SDR@{limit:g}'] = _mean(per_keypoint_mean(100.0 * (errors < limit), visible))
        if self.out_file:
            self._write_row(names, new, values, counts, scores)
        label = LABELS[self.base]
        return scores | {f'{label}/{k}': float(v) for k, v in zip(names, values, strict=True)}

    def _scale(self, sample: Mapping[str, Any]) -> float:
        """What turns pixels into the unit of the threshold or of the error."""
        if self.base == 'pck':
            return 1 / box_normalizer(np.asarray(sample['gt_instances']['bboxes'])[0])
        if self.base == 'pckh':
            if 'head_size' not in sample['gt_instances']:
                raise ValueError(
                    f'{_where(sample)}: there is no head_size to take PCKh by (MpiiDataset gives '
                    f'it where headbox_file is set)'
                )
            size = float(np.asarray(sample['gt_instances']['head_size']).squeeze())
            if not _is_positive(size):
                raise ValueError(f'{_where(sample)}: head_size is {size}, expected more than 0')
            return 1 / size
        if self.spacing is None:
            return 1.0
        if not isinstance(self.spacing, str):
            return float(self.spacing)
        for source in (sample, sample.get('raw_ann_info') or {}):
            if self.spacing in source:
                return _checked_spacing(source[self.spacing], self.spacing, sample)
        raise ValueError(
            f"{_where(sample)}: there is no '{self.spacing}' (mm a pixel) in the metainfo of the "
            f'data sample nor in its raw_ann_info'
        )

    def _names(self) -> tuple[list[str], list[str]]:
        """Names of the keypoints in order, and which of them are new."""
        meta = self.dataset_meta or {}
        if 'keypoint_id2name' not in meta:
            raise ValueError('the metainfo of the dataset has no keypoint_id2name')
        names = [meta['keypoint_id2name'][k] for k in sorted(meta['keypoint_id2name'])]
        steps = meta.get('keypoint_steps')
        return names, names if steps is None else list(steps[meta['step']])

    def _write_row(
        self,
        names: list[str],
        new: list[str],
        values: np.ndarray,
        counts: np.ndarray,
        scores: Mapping[str, float],
    ) -> None:
        """Write the row whole or not at all."""
        row = dict(
            step=int(self.dataset_meta.get('step', 0)),
            base=self.base,
            thr=self.thr,
            unit=self.unit,
            names=names,
            new=new,
            values={
                k: None if math.isnan(v) else float(v) for k, v in zip(names, values, strict=True)
            },
            counts={k: int(n) for k, n in zip(names, counts, strict=True)},
            sdr={f'{limit:g}': scores[f'SDR@{limit:g}'] for limit in self.sdr},
        )
        path = Path(self.out_file)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f'{path.name}.tmp')
        draft.write_text(json.dumps(row, indent=1) + '\n')
        os.replace(draft, path)


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan


def _where(sample: Mapping[str, Any]) -> str:
    return f'{sample.get("img_path", "image")}, instance {sample.get("id", "without id")}'


def _checked_spacing(value: Any, name: str, sample: Mapping[str, Any]) -> float:
    if not _is_positive(value):
        raise ValueError(f'{_where(sample)}: {name} is {value!r}, expected mm a pixel')
    return float(value)


def _is_positive(value: Any) -> bool:
    return (
        isinstance(value, (int, float, np.integer, np.floating))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value > 0
    )
