"""One evaluation pair (a support set and a query) as the metrics keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from .functional import evaluation_mask

# Where each field comes from in the data sample, to name what is missing.
_META = ('pair_index', 'category_id', 'category_name', 'id', 'img_path', 'num_keypoints')
_NESTED = {
    'gt_instances': ('bboxes', 'keypoints', 'keypoints_visible'),
    'pred_instances': ('keypoints',),
    'episode': ('points', 'visible'),
}


@dataclass(frozen=True)
class PairRecord:
    """What a prediction and its ground truth need to be scored, now or later.

    Attributes:
        pair_index: running index of the pair in the evaluation list, unique.
        category_id: category of the pair; names may repeat, ids do not.
        category_name: name for the tables.
        annotation_id: id of the query's annotation. The same query recurs in many pairs.
        img_path: image of the query.
        bbox: ``float64 array (4,)`` the query's cleaned box x1, y1, x2, y2.
        pred: ``float64 array (K, 2)`` prediction, in pixels of the original image like the rest.
        target: ``float64 array (K, 2)`` ground truth.
        scores: ``float64 array (K,)`` confidence, NaN where the method gives none.
        query_visible: ``bool array (K,)``.
        given_count: ``int64 array (K,)`` number of supports that show each keypoint.
        num_shots: number of supports.
    """

    pair_index: int
    category_id: int
    category_name: str
    annotation_id: int
    img_path: str
    bbox: np.ndarray
    pred: np.ndarray
    target: np.ndarray
    scores: np.ndarray
    query_visible: np.ndarray
    given_count: np.ndarray
    num_shots: int

    def mask(self, given: str = 'any') -> np.ndarray:
        """``bool array (K,)`` of the keypoints to score, see :func:`evaluation_mask`."""
        return evaluation_mask(self.query_visible, self.given_count, self.num_shots, given)

    def with_prediction(self, pred: np.ndarray) -> PairRecord:
        """The same pair with another prediction ``(K, 2)``, which has no confidence."""
        return replace(self, pred=pred, scores=np.full(len(pred), np.nan))


def pair_record(data_sample: Mapping[str, Any]) -> PairRecord:
    """Read a predicted data sample.

    Args:
        data_sample: ``PoseDataSample.to_dict()`` as the evaluator hands it to metrics.

    Returns:
        The record, all arrays float64 or integer copies on the CPU.

    Raises:
        KeyError: if a field is missing, naming it.
        ValueError: if the number of keypoints of prediction and ground truth differ.
    """
    _require(data_sample)
    gt, pred, episode = (data_sample[name] for name in _NESTED)
    num_keypoints = int(data_sample['num_keypoints'])
    pred_points = _float(pred['keypoints']).reshape(-1, 2)
    target = _float(gt['keypoints']).reshape(-1, 2)
    if len(pred_points) != num_keypoints or len(target) != num_keypoints:
        raise ValueError(
            f'pair {data_sample["pair_index"]} of category {data_sample["category_id"]} has '
            f'{num_keypoints} keypoints, but {len(pred_points)} were predicted and '
            f'{len(target)} are annotated'
        )
    support_visible = _array(episode['visible'])[:-1, :num_keypoints].astype(bool)
    scores = pred.get('keypoint_scores')
    return PairRecord(
        pair_index=int(data_sample['pair_index']),
        category_id=int(data_sample['category_id']),
        category_name=str(data_sample['category_name']),
        annotation_id=int(data_sample['id']),
        img_path=str(data_sample['img_path']),
        bbox=_float(gt['bboxes']).reshape(4),
        pred=pred_points,
        target=target,
        scores=np.full(num_keypoints, np.nan) if scores is None else _float(scores).reshape(-1),
        query_visible=_array(gt['keypoints_visible']).reshape(-1) > 0,
        given_count=support_visible.sum(axis=0, dtype=np.int64),
        num_shots=len(support_visible),
    )


def copied_support(data_sample: Mapping[str, Any]) -> np.ndarray:
    """The supports' keypoints laid over the query: the prediction of a model that does nothing.

    The mean over the supports that show a keypoint, as fractions of the crop, is taken into the
    query's crop. A keypoint that no support shows (never scored) gets the centre of the crop.

    Args:
        data_sample: as for :func:`pair_record`; needs ``input_size`` (w, h) and
            ``crop_to_image`` (2, 3) besides.

    Returns:
        ``float64 array (K, 2)`` in pixels of the query's original image.

    Raises:
        KeyError: if a field is missing, naming it.
    """
    _require(data_sample, extra=('input_size', 'crop_to_image'))
    num_keypoints = int(data_sample['num_keypoints'])
    points = _float(data_sample['episode']['points'])[:-1, :num_keypoints]
    visible = _array(data_sample['episode']['visible'])[:-1, :num_keypoints].astype(bool)
    count = visible.sum(axis=0)[:, None]
    mean = np.where(visible[..., None], points, 0.0).sum(axis=0) / np.maximum(count, 1)
    mean = np.where(count > 0, mean, 0.5)
    transform = _float(data_sample['crop_to_image'])
    return mean * _float(data_sample['input_size']) @ transform[:, :2].T + transform[:, 2]


def _require(data_sample: Mapping[str, Any], extra: tuple[str, ...] = ()) -> None:
    missing = [name for name in (*_META, *extra) if name not in data_sample]
    for name, keys in _NESTED.items():
        inner = data_sample.get(name)
        if inner is None:
            missing.append(name)
        else:
            missing.extend(f'{name}.{key}' for key in keys if key not in inner)
    if missing:
        raise KeyError(
            f'data sample lacks {", ".join(missing)}: the evaluation needs the samples of '
            'EpisodeDataset with the predictions of a few-shot estimator'
        )


def _array(value: Any) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _float(value: Any) -> np.ndarray:
    return _array(value).astype(np.float64)
