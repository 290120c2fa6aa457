"""Scores of prompts' keypoints on base and novel categories."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from ..pair_scores import DEFAULT_THRESHOLDS
from ..weak_shot_scores import (
    PromptRecord,
    WeakShotProtocol,
    mean_over_categories,
    score_category,
    score_mean_pose,
)


@METRICS.register_module()
class WeakShotKeypointMetric(BaseMetric):
    """Matching-based and regression-based scores of unnamed keypoints (weak-shot, section 4).

    The evaluation list has both roles, as :class:`CategoryPairDataset` with ``test_mode`` gives
    it: on the 'fit' images prompts are assigned to keypoints and the regression is fitted, the
    'test' images are scored. Scores are means over categories, separate for novel and base:
    ``novel/mAP`` (OKS-AP over 0.50:0.05:0.95), ``novel/mPCK``, ``novel/PCK@0.05`` ...,
    ``novel/L2_px256``, ``novel/L2_pct``, ``novel/num_images``, ``novel/num_categories``, and the
    same under ``base/``. AP and PCK are fractions in [0, 1].

    Categories without an annotated test image are left out with a warning. The order of the
    images and repetitions of distributed samplers do not change the scores. After an evaluation
    ``per_category`` (main process) has each category's scores by its id.

    Args:
        match: Assignment from the ``'class'`` (its fit images), ``'class_test'`` or ``'image'``
            (an upper bound).
        regressor: ``'ridge'`` or ``'pinv'`` (as in the literature).
        regression_inputs: ``'all'`` prompts or the ``'matched'`` ones.
        sigma: OKS sigma of every keypoint.
        thresholds: Of PCK; mPCK is their mean.
        sigmas: OKS sigmas by category id, one or one a keypoint.
        collect_device, prefix, collect_dir: See :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: For an argument that is none of these, or if nothing can be scored.
    """

    def __init__(
        self,
        match: str = 'class',
        regressor: str = 'ridge',
        regression_inputs: str = 'all',
        sigma: float = 0.05,
        thresholds: Sequence[float] = DEFAULT_THRESHOLDS,
        sigmas: Mapping[int, Any] | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        self.protocol = WeakShotProtocol(
            match,
            regressor,
            regression_inputs,
            sigma,
            tuple(thresholds),
            # keys are strings where the config came from JSON or the command line
            {int(category): value for category, value in (sigmas or {}).items()},
        )
        self.per_category: dict[int, dict[str, float]] = {}

    def score_one(self, records: Sequence[PromptRecord]) -> dict[str, float] | None:
        """Scores of one category, None if nothing of it is annotated."""
        return score_category(records, self.protocol)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep what is needed of one batch."""
        self.results.extend(prompt_record(sample) for sample in data_samples)

    def evaluate(self, size: int) -> dict:
        """Collect the images of all ranks; ``index`` tells what a sampler repeated."""
        return super().evaluate(sys.maxsize)

    def compute_metrics(self, results: list[PromptRecord]) -> dict[str, float]:
        """Score each category, then take the means."""
        logger = MMLogger.get_current_instance()
        by_category = defaultdict(list)
        for record in {record.index: record for record in results}.values():
            by_category[record.category_id].append(record)
        scores: dict[str, dict[int, dict]] = dict(novel={}, base={})
        rows, skipped = [], []
        for category_id in sorted(by_category):
            records = by_category[category_id]
            name = f'{category_id} ({records[0].category_name})'
            found = self.score_one(records)
            if found is None:
                skipped.append(name)
                continue
            kind = 'base' if records[0].is_base else 'novel'
            scores[kind][category_id] = found
            rows.append((f'{kind} {name}', found))
        if skipped:
            logger.warning(f'no annotated test image, not scored: {", ".join(skipped)}')
        if not rows:
            raise ValueError(
                f'{type(self).__name__}: none of {len(results)} images of '
                f'{len(by_category)} categories is an annotated test image'
            )
        self.per_category = {**scores['novel'], **scores['base']}
        means = {k: mean_over_categories(list(s.values())) for k, s in scores.items() if s}
        rows += [(f'{kind}, mean', mean) for kind, mean in means.items()]
        logger.info(f'{self.prefix or "prompts"}, by category:\n{format_rows(rows)}')
        return {
            f'{kind}/{key}': value for kind, mean in means.items() for key, value in mean.items()
        }


@METRICS.register_module()
class MeanPoseMetric(WeakShotKeypointMetric):
    """:class:`WeakShotKeypointMetric` of the mean pose of each category's fit images.

    The baseline that looks at no image, scored on the very images of the model beside it.
    """

    default_prefix = 'mean_pose'

    def score_one(self, records: Sequence[PromptRecord]) -> dict[str, float] | None:
        """Scores of the mean pose."""
        return score_mean_pose(records, self.protocol)


def prompt_record(sample: Mapping[str, Any]) -> PromptRecord:
    """The record of a predicted data sample (as a dict, the way MMEngine's evaluator passes it).

    Images without labels get no keypoints.
    """
    pred, truth = sample['pred_instances'], sample['gt_instances']
    matrix = np.vstack([sample['crop_to_image'], [0.0, 0.0, 1.0]])
    width, height = sample['input_size']
    labelled = 'keypoints' in truth
    return PromptRecord(
        index=sample['index'],
        category_id=sample['category_id'],
        category_name=sample['category_name'],
        is_base=sample['is_base'],
        role=sample['role'],
        points=_array(pred['keypoints'])[0],
        scores=_array(pred['keypoint_scores'])[0],
        keypoints=_array(truth['keypoints'])[0] if labelled else np.zeros((0, 2)),
        visible=_array(truth['keypoints_visible'])[0] > 0 if labelled else np.zeros(0, bool),
        bbox=_array(truth['bboxes'])[0],
        image_to_crop=np.diag([1 / width, 1 / height]) @ np.linalg.inv(matrix)[:2],
    )


def format_rows(rows: Sequence[tuple[str, dict[str, float]]]) -> str:
    """Scores as a table: AP and PCK in percent, L2 in pixels at 256 and in percent."""
    keys = [key for key in rows[0][1] if key not in ('num_images', 'num_categories')]
    head = ['', *keys, 'images']
    body = [
        [name, *(f'{v[k] * (1 if k.startswith("L2") else 100):.2f}' for k in keys)]
        + [str(v['num_images'])]
        for name, v in rows
    ]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    return '\n'.join(
        '  '.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in (head, *body)
    )


def _array(value: Any) -> np.ndarray:
    return np.asarray(value, dtype=np.float64)
