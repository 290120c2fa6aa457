"""The curve whose area :func:`auroc` is."""

from __future__ import annotations

import numpy as np


def roc_curve(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rates of false and of true alarms as the threshold falls.

    Args:
        scores: ``array (N,)``, higher means more likely right.
        labels: ``bool array (N,)``, True where right.

    Returns:
        False positive rate and true positive rate, ``float64 array (T + 1,)`` each, from (0, 0) to
        (1, 1), a point for each of the T different scores. The area below the straight lines
        between them is that of :func:`auroc`.

    Raises:
        ValueError: if the lengths differ, a score is NaN, or all labels are equal.
    """
    scores = np.asarray(scores, dtype=np.float64)
    labels = np.asarray(labels, dtype=bool)
    if scores.shape != labels.shape or scores.ndim != 1:
        raise ValueError(f'scores and labels must be (N,), got {scores.shape} and {labels.shape}')
    if np.isnan(scores).any():
        raise ValueError('scores must not be NaN')
    if labels.all() or not labels.any():
        raise ValueError('a ROC curve needs right and wrong ones, all labels are equal')
    order = np.argsort(-scores, kind='stable')
    # Equal scores pass the threshold together.
    last = np.append(np.flatnonzero(np.diff(scores[order])), scores.size - 1)
    true = np.append(0, np.cumsum(labels[order])[last])
    false = np.append(0, np.cumsum(~labels[order])[last])
    return false / false[-1], true / true[-1]
