"""Scores of one evaluation pair, as in the MP-100 literature (POMNet, FMMP).

All take distances divided by the longest side of the query's box, and the mask of
:func:`evaluation_mask`. A pair without any scored keypoint gets 0 and stays in the mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

AUC_THRESHOLDS = tuple(step / 20 for step in range(20))


def pair_pck(errors: np.ndarray, mask: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Share of the masked keypoints whose error is strictly below each threshold.

    Args:
        errors: ``array (K,)`` of distances as fractions of the box. NaN counts as wrong.
        mask: ``bool array (K,)``.
        thresholds: T fractions of the box.

    Returns:
        ``float64 array (T,)`` in [0, 1], zeros if the mask is empty.
    """
    scored = np.asarray(errors, dtype=np.float64)[np.asarray(mask, dtype=bool)]
    limits = np.asarray(thresholds, dtype=np.float64)
    if scored.size == 0:
        return np.zeros(limits.shape)
    return (scored[:, None] < limits).mean(axis=0)


def pair_auc(errors: np.ndarray, mask: np.ndarray) -> float:
    """Area under the PCK curve: mean of PCK at 0, 1/20, ..., 19/20 of the box."""
    return float(pair_pck(errors, mask, AUC_THRESHOLDS).mean())


def pair_mean_error(errors: np.ndarray, mask: np.ndarray) -> float:
    """Mean error of the masked keypoints: NME of fractions of the box, EPE of pixels.

    As in the published evaluation an empty mask counts as 0 here too, although for an error that
    is the best value; the number of such pairs is therefore always reported.
    """
    scored = np.asarray(errors, dtype=np.float64)[np.asarray(mask, dtype=bool)]
    return float(scored.mean()) if scored.size else 0.0
