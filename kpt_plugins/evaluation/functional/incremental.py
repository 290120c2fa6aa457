"""Scores of a sequence of incremental steps, from the value of every keypoint after every step.

The matrix ``a[t][k]`` is a sequence of rows, one for each step ``t = 0..T`` (0 is the base step).
A row maps the names of all keypoints seen so far, ``S_t``, to their value after step t: percent of
correct keypoints, or a radial error (then ``lower_is_better=True`` where signs matter). None and
NaN stand for a keypoint that the test data never show; it is left out of every mean.

The names AAA, AT, MT and A-MRE are those of Liang et al., "Incremental Object Keypoint Learning"
(CVPR 2025, arXiv 2503.20248). Its formulas were not available to us; those here are our reading,
with the other plausible ones as options.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

Matrix = Sequence[Mapping[str, float | None]]


def new_names(matrix: Matrix) -> list[list[str]]:
    """The keypoints that each step adds: the groups ``K_0..K_T``.

    Raises:
        ValueError: if there is no row, or a row lacks a keypoint of an earlier one or adds none.
    """
    if not matrix:
        raise ValueError('there is no step to score')
    groups: list[list[str]] = []
    seen: list[str] = []
    for step, row in enumerate(matrix):
        missing = [name for name in seen if name not in row]
        if missing:
            raise ValueError(f'step {step} has no value of {missing}, which earlier steps learned')
        new = [name for name in row if name not in set(seen)]
        if not new:
            raise ValueError(f'step {step} adds no keypoint to {seen}')
        groups.append(new)
        seen += new
    return groups


def average_accuracy(matrix: Matrix, step: int) -> float:
    """``A_t``, the mean over all keypoints seen until a step of their values after it."""
    return _mean(matrix[step].values())


def aaa(matrix: Matrix, include_base: bool = False) -> float:
    """Average of the average accuracies, ``AAA_T = 1/T * sum over t = 1..T of A_t``.

    Args:
        matrix: see the module.
        include_base: count step 0 too and divide by T + 1.

    Raises:
        ValueError: if there is no step after the base step.
    """
    _check_steps(matrix)
    return _mean(average_accuracy(matrix, t) for t in range(0 if include_base else 1, len(matrix)))


def a_mre(matrix: Matrix, include_base: bool = False) -> float:
    """Averaged mean radial error: :func:`aaa` of errors, in their unit; lower is better."""
    return aaa(matrix, include_base)


def average_transfer(
    matrix: Matrix, stepwise: bool = False, lower_is_better: bool = False
) -> float:
    """AT, how much learning later keypoints changed the earlier ones; positive = improved.

    It is the mean over the old groups ``g < T`` of ``a[T][g] - a[g][g]``, where ``a[t][g]`` is the
    mean over the group's keypoints: backward transfer (Lopez-Paz and Ranzato, 2017, eq. 3) with
    groups of keypoints as tasks.

    Args:
        matrix: see the module.
        stepwise: the mean over steps ``t = 1..T`` of the mean over groups ``g < t`` of
            ``a[t][g] - a[t-1][g]`` instead.
        lower_is_better: the values are errors: turn the sign.

    Raises:
        ValueError: if there is no step after the base step.
    """
    _check_steps(matrix)
    groups, last = new_names(matrix), len(matrix) - 1
    if not stepwise:
        gains = [_gain(matrix, g, last, groups[g], lower_is_better) for g in range(last)]
        return _mean(gains)
    return _mean(
        _mean(_gain(matrix, t - 1, t, groups[g], lower_is_better) for g in range(t))
        for t in range(1, last + 1)
    )


def maximum_transfer(matrix: Matrix, per: str = 'group', lower_is_better: bool = False) -> float:
    """MT, the largest of the differences that :func:`average_transfer` averages.

    Args:
        matrix: see the module.
        per: ``'group'`` for the groups of keypoints of a step, ``'keypoint'`` for single ones.
        lower_is_better: the values are errors: turn the sign.

    Raises:
        ValueError: if there is no step after the base step, or for another ``per``.
    """
    if per not in ('group', 'keypoint'):
        raise ValueError(f"per must be 'group' or 'keypoint', got {per!r}")
    _check_steps(matrix)
    groups, last = new_names(matrix), len(matrix) - 1
    gains = [
        _gain(matrix, g, last, part, lower_is_better)
        for g in range(last)
        for part in ([groups[g]] if per == 'group' else [[name] for name in groups[g]])
    ]
    return max((gain for gain in gains if not math.isnan(gain)), default=math.nan)


def forgetting(matrix: Matrix, lower_is_better: bool = False) -> float:
    """Mean over the old keypoints of their best value before the last step minus their last one.

    ``F = mean over k in O_T of (max over t < T of a[t][k]) - a[T][k]`` (Chaudhry et al.,
    "Riemannian Walk", ECCV 2018, for keypoints); positive = forgotten, for errors as well.

    Raises:
        ValueError: if there is no step after the base step.
    """
    _check_steps(matrix)
    last, losses = len(matrix) - 1, []
    for group in new_names(matrix)[:-1]:
        for name in group:
            gains = [
                _gain(matrix, t, last, [name], lower_is_better)
                for t in range(last)
                if name in matrix[t]
            ]
            # The smallest gain is the one from the best value.
            losses.append(-min((gain for gain in gains if not math.isnan(gain)), default=math.nan))
    return _mean(losses)


def final_old_new_all(matrix: Matrix) -> dict[str, float]:
    """Means after the last step over ``'old'`` (learned before it), ``'new'`` and ``'all'``.

    Raises:
        ValueError: if there is no step after the base step.
    """
    _check_steps(matrix)
    new, row = set(new_names(matrix)[-1]), matrix[-1]
    return {
        'old': _mean(value for name, value in row.items() if name not in new),
        'new': _mean(value for name, value in row.items() if name in new),
        'all': _mean(row.values()),
    }


def _gain(
    matrix: Matrix, before: int, after: int, names: Sequence[str], lower_is_better: bool
) -> float:
    """Mean improvement of some keypoints from one step to another."""
    sign = -1 if lower_is_better else 1
    return sign * _mean(
        _number(matrix[after][name]) - _number(matrix[before][name]) for name in names
    )


def _mean(values: Iterable[float | None]) -> float:
    """Mean of the numbers among the values; NaN without any."""
    numbers = [value for value in map(_number, values) if not math.isnan(value)]
    return math.fsum(numbers) / len(numbers) if numbers else math.nan


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _check_steps(matrix: Matrix) -> None:
    if len(matrix) < 2:
        raise ValueError(
            f'scores of incremental steps need a step after the base step, got {len(matrix)} step'
        )
