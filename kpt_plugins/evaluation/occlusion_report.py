"""Table of an occlusion benchmark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .functional.auroc import auroc
from .functional.per_keypoint import per_keypoint_mean
from .metrics.visible_pck import KeypointRecords

NOTHING = '–'


def summarize_levels(
    levels: Sequence[int],
    scores: Sequence[Mapping[str, float]],
    records: Sequence[KeypointRecords],
    hidden: Sequence[tuple[float, float]],
    thr: float,
    names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Everything that is said about a model, as plain data for JSON.

    Args:
        levels: of occlusion.
        scores: at each, of :class:`VisiblePCKMetric` without a prefix.
        records: at each.
        hidden: at each, mean hidden share of the object and of the background.
        thr: of the PCK.
        names: of the keypoints; numbers by default.

    Returns:
        ``thr``; ``levels``, a dict each with ``level``, ``object_occluded``,
        ``background_occluded``, all scores, ``drop``, by how many percent of its value at level 0
        ``PCK_visible`` is lower (where level 0 is there), and ``per_keypoint``, PCK of each visible
        keypoint; ``AUROC`` of the keypoints of all levels together. None for what is not defined.
    """
    clean = dict(zip(levels, scores, strict=True)).get(0, {}).get('PCK_visible', math.nan)
    rows = []
    for level, values, record, (of_object, of_background) in zip(
        levels, scores, records, hidden, strict=True
    ):
        visible = record.annotated & ~record.occluded
        shares = per_keypoint_mean(100.0 * (record.errors < thr), visible)
        keypoints = names if names and len(names) == len(shares) else range(len(shares))
        row = dict(level=level, object_occluded=of_object, background_occluded=of_background)
        row |= values | dict(
            drop=100 * (1 - values['PCK_visible'] / clean) if clean else math.nan,
            per_keypoint={str(k): float(v) for k, v in zip(keypoints, shares, strict=True)},
        )
        rows.append(row)
    together = [
        np.concatenate([getattr(record, field)[record.annotated] for record in records])
        for field in ('scores', 'occluded')
    ]
    return _known(dict(thr=thr, levels=rows, AUROC=auroc(together[0], ~together[1])))


def format_levels(summary: Mapping[str, Any]) -> str:
    """The summary in Markdown: a row a level, then PCK of every category or azimuth bin, where
    there are several."""
    rows = summary['levels']
    lines = [
        f'PCK@{summary["thr"]:g} in percent (macro: mean over keypoints, micro: all together) of '
        f'annotated keypoints, visible ones and those under an occluder. drop: of macro visible '
        f'PCK, in percent of its value at L0. AUROC: keypoint scores, visible against occluded; '
        f'all levels together {_cell(summary["AUROC"], 3)}.',
        '',
        '| level | object hidden % | background hidden % | visible, macro | visible, micro | drop '
        '| occluded, macro | AUROC | visible keypoints | occluded |',
        '|---|' + '---:|' * 9,
    ]
    for row in rows:
        shares = (row[name] for name in ('object_occluded', 'background_occluded'))
        cells = [_cell(None if share is None else 100 * share) for share in shares]
        names = ('PCK_visible', 'PCK_visible_micro', 'drop', 'PCK_occluded')
        cells += [_cell(row[name]) for name in names]
        cells += [_cell(row['AUROC'], 3), str(row['num_visible']), str(row['num_occluded'])]
        lines.append(f'| L{row["level"]} | ' + ' | '.join(cells) + ' |')
    for name, title in (('category', 'category'), ('azimuth_bin', 'azimuth bin')):
        lines += _group_table(rows, name, title)
    return '\n'.join(lines) + '\n'


def _group_table(rows: Sequence[Mapping[str, Any]], name: str, title: str) -> list[str]:
    end = '/PCK_visible'
    keys = [key for key in rows[0] if key.startswith(f'{name}=') and key.endswith(end)]
    if len(keys) < 2:
        return []
    heads = ' | '.join(f'L{row["level"]}' for row in rows)
    lines = ['', f'| {title}, visible, macro | {heads} |', '|---|' + '---:|' * len(rows)]
    for key in [*keys, name + end]:
        label = 'mean' if key == name + end else key[len(name) + 1 : -len(end)]
        lines.append(f'| {label} | ' + ' | '.join(_cell(row[key]) for row in rows) + ' |')
    return lines


def _cell(value: float | None, digits: int = 1) -> str:
    return NOTHING if value is None else f'{value:.{digits}f}'


def _known(value: Any) -> Any:
    """The same with None for NaN."""
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_known(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
