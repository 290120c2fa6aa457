"""PCK of the keypoints that can be seen, and how well scores tell them from hidden ones."""

from __future__ import annotations

import numpy as np

from .auroc import auroc
from .per_keypoint import per_keypoint_mean


def visibility_scores(
    errors: np.ndarray,
    annotated: np.ndarray,
    occluded: np.ndarray,
    scores: np.ndarray,
    thr: float,
) -> dict[str, float]:
    """PCK of visible and of occluded keypoints, and AUROC of the scores for one against the other.

    Visible are annotated keypoints that lie under no occluder, occluded are annotated ones that
    do. Macro PCK, that of NeMo's and MMPose's evaluation, is the mean over keypoints of the share
    of the instances; micro PCK, StarMap's, is the share of all keypoints together.

    Args:
        errors: ``array (N, K)``, distances as fractions of the normalizing length; what is not
            annotated does not matter, NaN of an annotated one counts as wrong.
        annotated: ``bool array (N, K)``.
        occluded: ``bool array (N, K)``.
        scores: ``array (N, K)``, the predictions' scores.
        thr: a keypoint is right if its error is strictly below.

    Returns:
        ``PCK_visible``, ``PCK_visible_micro``, ``PCK_occluded`` and ``PCK_occluded_micro`` in
        percent, NaN where there is no such keypoint; ``AUROC`` in [0, 1] of visible (right)
        against occluded (wrong), NaN where one kind is missing; ``num_visible``, ``num_occluded``.

    Raises:
        ValueError: if the shapes differ, or a score of an annotated keypoint is NaN.
    """
    arrays = (np.asarray(errors, dtype=np.float64), np.asarray(annotated, dtype=bool))
    arrays += (np.asarray(occluded, dtype=bool), np.asarray(scores, dtype=np.float64))
    if arrays[0].ndim != 2 or len({array.shape for array in arrays}) > 1:
        raise ValueError(
            f'errors, annotated, occluded and scores must all be (N, K), got '
            f'{", ".join(str(array.shape) for array in arrays)}'
        )
    errors, annotated, occluded, scores = arrays
    right = 100.0 * (errors < thr)
    result = {}
    for name, chosen in (('visible', annotated & ~occluded), ('occluded', annotated & occluded)):
        result[f'PCK_{name}'] = nan_mean(per_keypoint_mean(right, chosen))
        result[f'PCK_{name}_micro'] = nan_mean(right[chosen])
        result[f'num_{name}'] = int(chosen.sum())
    result['AUROC'] = auroc(scores[annotated], ~occluded[annotated])
    return result


def nan_mean(values: np.ndarray) -> float:
    """Mean of what is not NaN; NaN if nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float('nan')
