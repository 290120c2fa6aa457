"""The figure of an incremental comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .incremental_report import metric_name

MARKERS = 'osD^vP*Xhp<>'


def draw_steps(summary: Mapping[str, Any], path: str | Path) -> None:
    """Draw the mean over all seen keypoints after every step, a line for each method.

    Bars are the sample standard deviation over seeds; methods lie side by side at a step, so that
    their bars do not hide each other. The legend has the order of the lines' ends.

    Args:
        summary: of :func:`~.incremental_report.summarize_runs`.
        path: image file to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    methods, num_steps = summary['methods'], len(summary['steps'])
    figure = Figure(figsize=(2.4 + 1.5 * num_steps, 1.4 + max(3.6, 0.26 * len(methods))))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for index, (name, method) in enumerate(methods.items()):
        shift = 0.025 * (index - (len(methods) - 1) / 2)
        values = method['average_accuracy']
        axes.errorbar(
            [step + shift for step in range(num_steps)],
            [_or_nan(value['mean']) for value in values],
            yerr=[_or_nan(value['sd']) for value in values],
            label=name,
            color=f'C{index % 10}',
            marker=MARKERS[index % len(MARKERS)],
            linestyle=('-', '--', ':')[index // 10 % 3],
            markersize=4.5,
            linewidth=1.3,
            capsize=2.5,
        )
    seen = 0
    labels = []
    for step, names in enumerate(summary['steps']):
        seen += len(names)
        labels.append(f'step {step}\n{seen} keypoints')
    axes.set_xticks(range(num_steps), labels)
    better = 'lower' if summary['base'] == 'mre' else 'higher'
    axes.set_ylabel(f'{metric_name(summary)} of all seen keypoints,\n{better} is better')
    axes.grid(axis='y', alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    handles, titles = axes.get_legend_handles_labels()
    ends = [_or_nan(method['average_accuracy'][-1]['mean']) for method in methods.values()]
    order = sorted(range(len(ends)), key=lambda index: -ends[index])
    axes.legend(
        [handles[index] for index in order],
        [titles[index] for index in order],
        loc='center left',
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
        fontsize=9,
    )
    figure.savefig(path, dpi=130, bbox_inches='tight')


def _or_nan(value: float | None) -> float:
    return float('nan') if value is None else value
