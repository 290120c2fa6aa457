"""How well a score separates right from wrong."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Area under the ROC curve: P(score of a right one > score of a wrong one), ties count half.

    Args:
        scores: ``array (N,)``, higher means more likely right.
        labels: ``bool array (N,)``, True where right.

    Returns:
        A value in [0, 1], 0.5 for a score that says nothing (a constant one, say); NaN where all
        labels are equal, for which the area is not defined.

    Raises:
        ValueError: if the lengths differ or a score is NaN.
    """
    scores = np.asarray(scores, dtype=np.float64)
    labels = np.asarray(labels, dtype=bool)
    if scores.shape != labels.shape or scores.ndim != 1:
        raise ValueError(f'scores and labels must be (N,), got {scores.shape} and {labels.shape}')
    if np.isnan(scores).any():
        raise ValueError('scores must not be NaN')
    num_right = int(labels.sum())
    num_wrong = labels.size - num_right
    if num_right == 0 or num_wrong == 0:
        return float('nan')
    # Mann-Whitney U of the right ones; midranks give ties their half.
    rank_sum = rankdata(scores)[labels].sum()
    return float((rank_sum - num_right * (num_right + 1) / 2) / (num_right * num_wrong))
