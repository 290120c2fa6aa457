"""Figures of an occlusion benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .functional.auroc import auroc
from .functional.roc_curve import roc_curve
from .metrics.visible_pck import KeypointRecords


def draw_levels(summary: Mapping[str, Any], path: str | Path) -> None:
    """Draw PCK of visible and of occluded keypoints, and AUROC, against the level.

    Args:
        summary: of :func:`~.occlusion_report.summarize_levels`.
        path: image file to write.
    """
    figure, (left, right) = _figure(8.4, 3.4, 2)
    rows = summary['levels']
    places = [row['level'] for row in rows]
    for name, title, style in (
        ('PCK_visible', 'visible', 'o-C0'),
        ('PCK_occluded', 'under an occluder', 's--C1'),
    ):
        left.plot(places, [_or_nan(row[name]) for row in rows], style, label=title, markersize=5)
    left.set_ylabel(f'PCK@{summary["thr"]:g}, mean over keypoints, %')
    left.set_ylim(0, 102)
    left.legend(frameon=False)
    right.plot(places, [_or_nan(row['AUROC']) for row in rows], 'D-C2', markersize=5)
    right.axhline(0.5, color='0.6', linewidth=1, linestyle=':')
    right.set_ylabel('AUROC of the scores')
    right.set_ylim(min(0.4, *(_or_nan(row['AUROC'], 1.0) - 0.05 for row in rows), 1.0), 1.02)
    labels = [f'L{row["level"]}\n{100 * _or_nan(row["object_occluded"], 0):.0f} %' for row in rows]
    for axes in (left, right):
        axes.set_xticks(places, labels)
        axes.set_xlim(min(places) - 0.3, max(places) + 0.3)
        axes.set_xlabel('level, and how much of the object is hidden')
        axes.grid(axis='y', alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def draw_roc(levels: Sequence[int], records: Sequence[KeypointRecords], path: str | Path) -> None:
    """Draw the ROC curves of keypoint scores, visible against occluded, of every level at which
    there are both, and of all together.

    Args:
        levels: of occlusion.
        records: at each.
        path: image file to write.
    """
    figure, (axes,) = _figure(4.6, 4.4, 1)
    curves = [
        (f'L{level}', *_labels([record])) for level, record in zip(levels, records, strict=True)
    ]
    if len(curves) > 1:
        curves.append(('all', *_labels(records)))
    for index, (name, scores, visible) in enumerate(curves):
        if visible.all() or not visible.any():
            continue
        color = 'black' if name == 'all' else f'C{index}'
        label = f'{name}, area {auroc(scores, visible):.3f}'
        axes.plot(*roc_curve(scores, visible), color=color, label=label, linewidth=1.4)
    axes.plot((0, 1), (0, 1), color='0.6', linewidth=1, linestyle=':')
    axes.set_xlabel('share of occluded keypoints taken for visible')
    axes.set_ylabel('share of visible keypoints found')
    axes.set_aspect('equal')
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, loc='lower right')
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def _labels(records: Sequence[KeypointRecords]) -> tuple[np.ndarray, np.ndarray]:
    """Scores of all annotated keypoints, and which of them are visible."""
    scores = np.concatenate([record.scores[record.annotated] for record in records])
    return scores, ~np.concatenate([record.occluded[record.annotated] for record in records])


def _figure(width: float, height: float, panels: int):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    all_axes = [figure.add_subplot(1, panels, index + 1) for index in range(panels)]
    for axes in all_axes:
        axes.spines[['top', 'right']].set_visible(False)
    return figure, all_axes


def _or_nan(value: float | None, otherwise: float = float('nan')) -> float:
    return otherwise if value is None else value
