"""Compare incremental methods: scores of every run, mean and spread over seeds, a table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from .functional.incremental import (
    a_mre,
    aaa,
    average_accuracy,
    average_transfer,
    final_old_new_all,
    forgetting,
    maximum_transfer,
)
from .incremental_runs import IncrementalRun, group_runs
from .metrics.incremental_keypoint_metric import LABELS

SIGNED = ('AT', 'MT', 'forgetting')
NOTHING = '–'


def score_run(run: IncrementalRun) -> dict[str, float | None]:
    """All scores of a run, also those that the table leaves out; None for what has no value.

    ``AAA`` (for errors ``A-MRE``), ``AT``, ``MT``, ``old``, ``new`` and ``all`` after the last
    step, its ``SDR@t``, ``forgetting``, and ``minutes``, the mean over the steps after the base
    step. Then the other readings: AAA or A-MRE ``with base``, ``AT stepwise`` and ``MT keypoint``.
    AT, MT and forgetting have the same sign for errors: positive is an improvement, for forgetting
    a loss. See :mod:`.functional.incremental` for the definitions.

    Raises:
        ValueError: if the run has no step after the base step.
    """
    matrix, lower = run.matrix, run.lower_is_better
    average, name = (a_mre, 'A-MRE') if lower else (aaa, 'AAA')
    times = [minutes for minutes in run.minutes[1:] if minutes is not None]
    try:
        scores = {
            name: average(matrix),
            'AT': average_transfer(matrix, lower_is_better=lower),
            'MT': maximum_transfer(matrix, lower_is_better=lower),
            **final_old_new_all(matrix),
            **{f'SDR@{limit}': value for limit, value in run.sdr[-1].items()},
            'forgetting': forgetting(matrix, lower_is_better=lower),
            'minutes': statistics.fmean(times) if times else math.nan,
            f'{name} with base': average(matrix, include_base=True),
            'AT stepwise': average_transfer(matrix, stepwise=True, lower_is_better=lower),
            'MT keypoint': maximum_transfer(matrix, per='keypoint', lower_is_better=lower),
        }
    except ValueError as error:
        raise ValueError(f'{run.folder}: {error}') from error
    return {key: None if math.isnan(value) else value for key, value in scores.items()}


def summarize_runs(runs: Sequence[IncrementalRun]) -> dict[str, Any]:
    """Everything about some runs, as plain data for a JSON file.

    Returns:
        ``base``, ``thr``, ``unit``, ``steps`` (names that each adds), ``counts`` (test instances
        that show a keypoint) and ``methods``. A method, by name, has ``seeds``, ``scores`` (of
        :func:`score_run`) and ``average_accuracy`` (``A_t`` of each step), both as
        :func:`spread`, and ``runs`` with ``folder``, ``seed``, ``matrix``, ``sdr``, ``minutes``
        and ``scores`` of each.

    Raises:
        ValueError: if the runs cannot be compared, see :func:`group_runs`.
    """
    first, methods = None, {}
    for method, found in group_runs(runs).items():
        first = first or found[0]
        scores = [score_run(run) for run in found]
        methods[method] = dict(
            seeds=[run.seed for run in found],
            scores={key: spread([score[key] for score in scores]) for key in scores[0]},
            average_accuracy=[
                spread([average_accuracy(run.matrix, step) for run in found])
                for step in range(len(found[0].matrix))
            ],
            runs=[
                dict(
                    folder=run.folder,
                    seed=run.seed,
                    matrix=run.matrix,
                    sdr=run.sdr,
                    minutes=run.minutes,
                    scores=score,
                )
                for run, score in zip(found, scores, strict=True)
            ],
        )
    return dict(
        base=first.base,
        thr=first.thr,
        unit=first.unit,
        steps=first.steps,
        counts=first.counts,
        methods=methods,
    )


def spread(values: Sequence[float | None]) -> dict[str, float | None]:
    """``mean`` and ``sd``, the sample standard deviation, of the numbers among some values.

    The mean is None without any number, the deviation with fewer than two.
    """
    numbers = [value for value in values if value is not None and not math.isnan(value)]
    return dict(
        mean=statistics.fmean(numbers) if numbers else None,
        sd=statistics.stdev(numbers) if len(numbers) > 1 else None,
    )


def metric_name(summary: Mapping[str, Any]) -> str:
    """What the values are, e.g. 'PCK@0.1 (%)' or 'MRE (mm)'."""
    threshold = '' if summary['thr'] is None else f'@{summary["thr"]:g}'
    return f'{LABELS[summary["base"]]}{threshold} ({summary["unit"]})'


def format_summary(summary: Mapping[str, Any]) -> str:
    """The table of all methods in Markdown, with a line above it that says what is in it."""
    errors = summary['base'] == 'mre'
    keys = [
        key
        for key in next(iter(summary['methods'].values()))['scores']
        if not key.endswith(('with base', 'stepwise', 'keypoint'))
    ]
    titles = {'minutes': 'min / step'}
    lines = [
        '| method | seeds | ' + ' | '.join(titles.get(key, key) for key in keys) + ' |',
        '|---|' + '---:|' * (len(keys) + 1),
    ]
    for name, method in summary['methods'].items():
        cells = [_cell(method['scores'].get(key), key, errors) for key in keys]
        lines.append(f'| {name} | {len(method["seeds"])} | ' + ' | '.join(cells) + ' |')
    return f'{_legend(summary)}\n\n' + '\n'.join(lines) + '\n'


def _legend(summary: Mapping[str, Any]) -> str:
    sizes = [len(names) for names in summary['steps']]
    average, better = ('A-MRE', 'lower') if summary['base'] == 'mre' else ('AAA', 'higher')
    return (
        f'{metric_name(summary)}, {better} is better; {" + ".join(map(str, sizes))} keypoints in '
        f'steps 0 to {len(sizes) - 1}; mean ± sample standard deviation over seeds. {average}: '
        f'mean over the steps after step 0 of the mean over all keypoints seen by then. AT, MT: '
        f'mean and maximum over the old groups of their change since they were learned, positive '
        f'is an improvement. old, new, all: after the last step. forgetting: how much worse old '
        f'keypoints are than at their best, positive is a loss. min / step: without step 0.'
    )


def _cell(score: Mapping[str, float | None] | None, key: str, errors: bool) -> str:
    """Mean and deviation of a score."""
    if score is None or score['mean'] is None:
        return NOTHING
    digits = 2 if errors and key != 'minutes' and not key.startswith('SDR') else 1
    text = f'{score["mean"]:{"+" if key in SIGNED else ""}.{digits}f}'
    return text if score['sd'] is None else f'{text} ± {score["sd"]:.{digits}f}'
