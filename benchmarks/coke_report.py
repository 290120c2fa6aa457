"""Tables, figure and evidence of CoKe's comparison from the scores of its runs.

Results are a dict: ``command`` and ``budget`` say how they were made, ``models`` and ``ablations``
are titles in the order of the tables, ``ablated`` is the ablations' data set, ``runs`` lists what
finished (``data``, ``variant``, ``seed``, ``options``, ``minutes``, and ``levels`` and ``AUROC`` as
``tools/occlusion_benchmark.py`` writes them), ``missing`` maps other runs to how far they are.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ablation_report import Spread, markdown_table, missing_runs

LEVELS = (0, 1, 2, 3)
REFERENCE, BASELINE = 'coke', 'heatmap'
BEFORE, AFTER = 0, 2
"""Levels whose difference is the loss."""


def pck(level: int) -> Callable[[Mapping[str, Any]], float]:
    """Macro PCK of a run's visible keypoints at a level, in percent."""

    def score(run: Mapping[str, Any]) -> float:
        (row,) = (row for row in run['levels'] if row['level'] == level)
        return row['PCK_visible']

    return score


def loss(run: Mapping[str, Any]) -> float:
    """Points of PCK that occlusion costs."""
    return pck(BEFORE)(run) - pck(AFTER)(run)


def relative_loss(run: Mapping[str, Any]) -> float:
    """The same in percent of the PCK without occlusion; NaN where that is zero."""
    clean = pck(BEFORE)(run)
    return 100 * loss(run) / clean if clean else float('nan')


def auroc(run: Mapping[str, Any]) -> float:
    """Of the scores for visible against occluded keypoints, all levels together, in percent."""
    return 100 * run['AUROC']


COLUMNS = {
    **{f'L{level}': pck(level) for level in LEVELS},
    'loss L0-L2': loss,
    'in % of L0': relative_loss,
    'AUROC %': auroc,
}


def select(results: Mapping[str, Any], data: str, variant: str) -> dict[int, Mapping[str, Any]]:
    """Finished runs by seed."""
    chosen = (run for run in results['runs'] if (run['data'], run['variant']) == (data, variant))
    return {run['seed']: run for run in chosen}


def data_sets(results: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(run['data'] for run in results['runs']))


def cell(values: Sequence[float], sign: str = '') -> str:
    """Mean and sample standard deviation; empty without values."""
    return Spread.of([value / 100 for value in values]).percent(sign) if values else ''


def differences(
    results: Mapping[str, Any],
    data: str,
    other: str,
    score: Callable[[Mapping[str, Any]], float],
) -> dict[int, float]:
    """CoKe's score minus another model's, by seed."""
    own, theirs = select(results, data, REFERENCE), select(results, data, other)
    return {seed: score(own[seed]) - score(theirs[seed]) for seed in own if seed in theirs}


def saved(results: Mapping[str, Any], data: str, score: Callable) -> dict[int, float]:
    """By how many percent CoKe's loss is smaller than the heatmaps', by seed."""
    own, theirs = select(results, data, REFERENCE), select(results, data, BASELINE)
    pairs = {s: (score(own[s]), score(theirs[s])) for s in own if s in theirs}
    return {seed: 100 * (1 - a / b) for seed, (a, b) in pairs.items() if b > 0}


def data_table(results: Mapping[str, Any], data: str) -> list[list[str]]:
    """Heading and rows of a data set: models, then paired differences."""
    rows = [['model', *COLUMNS, 'runs', 'min / run']]
    for variant, title in results['models'].items():
        rows.append([title, *_scores(select(results, data, variant))])
    for other, title in results['models'].items():
        found = [differences(results, data, other, score) for score in COLUMNS.values()]
        if other != REFERENCE and found[0]:
            cells = [cell([*values.values()], '+') for values in found]
            rows.append([f'CoKe - {title}', *cells, str(len(found[0])), ''])
    return rows


def ablation_table(results: Mapping[str, Any]) -> list[list[str]]:
    """Heading and rows, CoKe with the ablations' seed first."""
    rows = [['variant', *COLUMNS, 'runs', 'min / run']]
    data, titles = results['ablated'], results['ablations']
    runs = {variant: select(results, data, variant) for variant in titles}
    seeds = {seed for found in runs.values() for seed in found}
    full = select(results, data, REFERENCE)
    rows.append(['CoKe', *_scores({s: run for s, run in full.items() if s in seeds})])
    return rows + [[title, *_scores(runs[variant])] for variant, title in titles.items()]


def _scores(runs: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """Cells of a line of runs."""
    cells = [cell([score(run) for run in runs.values()]) for score in COLUMNS.values()]
    minutes = [run['minutes'] for run in runs.values()]
    if not minutes:
        return [*['missing'] * len(cells), '0', '']
    return [*cells, str(len(minutes)), f'{statistics.fmean(minutes):.1f}']


def summary_table(results: Mapping[str, Any]) -> list[list[str]]:
    """Heading and rows: what CoKe gains over heatmaps from the same extractor."""
    measures = {
        'L0': lambda data: differences(results, data, BASELINE, pck(BEFORE)),
        'L2': lambda data: differences(results, data, BASELINE, pck(AFTER)),
        'loss smaller by %': lambda data: saved(results, data, loss),
        'relative loss smaller by %': lambda data: saved(results, data, relative_loss),
        'AUROC %': lambda data: differences(results, data, BASELINE, auroc),
    }
    sets = data_sets(results)
    found = {name: [measure(data) for data in sets] for name, measure in measures.items()}
    rows = [['data set', *measures]]
    for index, data in enumerate(sets):
        rows.append([data, *(cell([*found[name][index].values()], '+') for name in measures)])
    cells = []
    for values in found.values():
        seeds = [seed for seed in values[0] if all(seed in part for part in values)]
        means = [statistics.fmean(part[seed] for part in values) for seed in seeds]
        cells.append(cell(means, '+'))
    return [*rows, ['mean', *cells]]


def report(results: Mapping[str, Any], figure: str, evidence: str) -> str:
    """The whole page in Markdown, with links to the files of the figure and of all scores."""
    budget = results['budget']
    seeds = sorted({run['seed'] for run in results['runs']})
    parts = [
        '# CoKe and heatmaps behind occluders',
        f'`{results["command"]}` makes this page, the figure and [{evidence}]({evidence}), which '
        'has the scores of every run.',
        f'Every run: {budget["epochs"]} epochs at a learning rate of {budget["lr"]:g}, batches of '
        f'16, one CPU thread; {budget["synth_images"]} images of the synthetic set. All models of '
        'a data set start from one trunk, a backbone trained for '
        f'{budget["trunk_epochs"]} epochs as a heatmap detector of the other species (for the '
        'synthetic set, of all three). No training image has an occluder. The last checkpoint is '
        'tested; nothing is chosen by a validation. The seed '
        f'({", ".join(map(str, seeds))}) sets the other initial weights, the order of the images '
        'and their augmentation.',
        'L0 to L3: PCK@0.1 of the visible keypoints, mean over keypoints, in percent, with 0, '
        '20-40, 40-60 and 60-80 % of the box under procedural occluders; the occluders are the '
        'same for all models. AUROC: keypoint scores of visible against occluded keypoints, all '
        'levels together. ± is the sample standard deviation over the seeds; of a difference, over '
        'the differences of runs with the same seed. A difference that is not well above its '
        'spread shows nothing. Minutes are those of the training iterations.',
        f'![PCK and AUROC by level]({figure})',
    ]
    parts += missing_runs(results['missing'])
    parts += [
        '## CoKe minus heatmaps from the same extractor',
        'The loss is PCK at L0 minus PCK at L2, the relative loss that in percent of L0.',
        markdown_table(summary_table(results)),
    ]
    for data in data_sets(results):
        parts += [f'## {data}', markdown_table(data_table(results, data))]
    if any(run['variant'] in results['ablations'] for run in results['runs']):
        parts += [
            f'## Ablation on {results["ablated"]}, one seed',
            'All but the first have one change. All take the exact mean features of the training '
            'set as prototypes at the end; what a bank does differently, it does during training.',
            markdown_table(ablation_table(results)),
        ]
    return '\n\n'.join(parts) + '\n'


def draw(results: Mapping[str, Any], path: Path) -> None:
    """PCK of visible keypoints, and AUROC, by level: a column a data set, a line a model."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    sets = data_sets(results)
    figure, panels = pyplot.subplots(
        2, len(sets), figsize=(3.2 * len(sets) + 0.8, 5.4), sharex=True, sharey='row', squeeze=False
    )
    names = ('PCK_visible', 'AUROC')
    labels = ('PCK@0.1 of visible keypoints (%)', 'AUROC of the scores')
    for column, data in enumerate(sets):
        panels[0][column].set_title(data)
        panels[1][column].set_xticks(LEVELS, [f'L{level}' for level in LEVELS])
        for row, name in enumerate(names):
            panels[row][column].grid(axis='y', alpha=0.3)
            for number, (variant, title) in enumerate(results['models'].items()):
                runs = select(results, data, variant).values()
                points = [
                    (level, Spread.of(values))
                    for level in LEVELS
                    if (values := _at(runs, level, name))
                ]
                if points:
                    panels[row][column].errorbar(
                        [level + 0.06 * (number - 1) for level, _ in points],
                        [spread.mean for _, spread in points],
                        yerr=[spread.std or 0 for _, spread in points],
                        fmt='o-',
                        markersize=4,
                        capsize=3,
                        color=f'C{number}',
                        label=title,
                    )
    for row, label in enumerate(labels):
        panels[row][0].set_ylabel(label)
    panels[0][0].legend(fontsize=8, frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _at(runs: Sequence[Mapping[str, Any]], level: int, name: str) -> list[float]:
    """A score of all runs at a level, where it is defined."""
    rows = [row for run in runs for row in run['levels'] if row['level'] == level]
    return [row[name] for row in rows if row[name] is not None]


def write_report(results: Mapping[str, Any], stem: Path) -> None:
    """Write ``STEM.md``, ``STEM.png`` and ``STEM.json``."""
    page, evidence, figure = (stem.with_name(f'{stem.name}.{s}') for s in ('md', 'json', 'png'))
    text = report(results, figure.name, evidence.name)
    stem.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text)
    evidence.write_text(json.dumps(results, indent=1) + '\n')
    draw(results, figure)
    print(text)
