"""Scores as text tables, for logs and the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .pair_scores import PairScores

Row = tuple[str, Mapping[str, float]]


def format_scores(rows: Sequence[Row], thresholds: Sequence[float]) -> str:
    """A table with a line for each row: PCK at each threshold, mPCK and AUC in percent, NME in
    percent of the box, EPE in pixels, pairs and how many of them have nothing to score.

    Args:
        rows: name and scores of each line.
        thresholds: thresholds of the PCK columns; mPCK's heading repeats them.

    Returns:
        The table, lines separated by newlines, none at the end.
    """
    pck_keys = [f'PCK@{t:g}' for t in thresholds]
    head = ['', *pck_keys, 'mPCK', 'AUC', 'NME', 'EPE', 'pairs', 'empty']
    body = [
        [
            name,
            *(f'{100 * scores[key]:.2f}' for key in (*pck_keys, 'mPCK', 'AUC', 'NME')),
            f'{scores["EPE"]:.1f}',
            f'{scores["num_pairs"]:.0f}',
            f'{scores["num_empty_pairs"]:.0f}',
        ]
        for name, scores in rows
    ]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = [
        '  '.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in (head, *body)
    ]
    lines.insert(1, '-' * len(lines[0]))
    listed = ', '.join(f'{t:g}' for t in thresholds)
    lines.append(f'mPCK is the mean of PCK at {listed}; PCK, AUC and NME in %, EPE in pixels')
    return '\n'.join(lines)


def format_per_category(scores: PairScores) -> str:
    """The table of every category, with a last line for all pairs."""
    rows: list[Row] = [
        (f'{category_id} {scores.category_names[category_id]}', values)
        for category_id, values in scores.per_category.items()
    ]
    return format_scores([*rows, ('all pairs', scores.overall)], scores.thresholds)
