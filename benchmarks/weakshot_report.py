"""Tables, figure and evidence of the weak-shot ablation from the scores of its runs.

Results are a dict: ``command`` and ``budget`` say how they were made, ``titles`` names the rows in
the order of the tables, ``runs`` lists what finished (``data``, ``row``, ``seed``, ``options``,
``minutes``, ``novel``, ``base`` and ``mean_pose`` as ``tools/test.py`` writes them, ``probes`` as
``tools/analysis/probe_weakshot.py`` does), ``missing`` maps other runs to how far they are.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ablation_report import Spread, markdown_table, missing_runs
from coke_report import cell as format_cell
from weakshot_runs import REFERENCE

Score = Callable[[Mapping[str, Any]], float]
FULL = 'full'
SINGLE = ('nu', 'nc', 'ng')
GAIN, TRANSFER_GAP = 5.0, 20.0
"""What we hold ourselves to: points of novel mAP, and percent of the base value."""


def score(key: str, factor: float = 1.0, kind: str = 'novel') -> Score:
    """A score of a run on novel or base categories; NaN where it is not defined."""

    def read(run: Mapping[str, Any]) -> float:
        return _number(run[kind][key], factor)

    return read


def probe(key: str, factor: float = 1.0) -> Score:
    """A probe of a run, such as 'novel/keyness_sse'; NaN where it is not there."""

    def read(run: Mapping[str, Any]) -> float:
        return _number(run['probes'].get(key), factor)

    return read


def _number(value: float | None, factor: float) -> float:
    return math.nan if value is None else factor * value


def keyness_gain(kind: str, after: str = 'keyness') -> Score:
    """How much of the noise on keypoints a step of keyness takes away, in percent."""

    def read(run: Mapping[str, Any]) -> float:
        before, left = (probe(f'{kind}/{k}_shift')(run) for k in ('noise', after))
        return 100 * (1 - left / before) if before else math.nan

    return read


def true_map_gain(kind: str) -> Score:
    """The same of a step on the true keyness map, which no model can be expected to beat."""
    return keyness_gain(kind, 'true_map')


def cell(values: Sequence[float], sign: str = '') -> str:
    """Mean and sample standard deviation of the values that are defined; empty without any."""
    return format_cell(defined(values), sign)


def defined(values: Sequence[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


SCORES = {
    'mAP': score('mAP', 100),
    'mPCK': score('mPCK', 100),
    'L2 px': score('L2_px256'),
    'base mAP': score('mAP', 100, 'base'),
    'base L2 px': score('L2_px256', kind='base'),
}
PROBES = {
    f'{title} {kind}': measure(kind)
    for title, measure in {
        'PCK@0.2': lambda kind: probe(f'{kind}/transfer_PCK@0.2', 100),
        'shift px': lambda kind: probe(f'{kind}/keyness_shift'),
        'noise taken %': keyness_gain,
        'by true map %': true_map_gain,
        'SSE': lambda kind: probe(f'{kind}/keyness_sse'),
    }.items()
    for kind in ('base', 'novel')
}


def select(results: Mapping[str, Any], data: str, row: str) -> dict[int, Mapping[str, Any]]:
    """Finished runs by seed."""
    chosen = (run for run in results['runs'] if (run['data'], run['row']) == (data, row))
    return {run['seed']: run for run in chosen}


def data_sets(results: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(run['data'] for run in results['runs']))


def differences(results: Mapping[str, Any], data: str, row: str, value: Score) -> list[float]:
    """A row's score minus that of base only, of runs with the same seed."""
    own, base = select(results, data, row), select(results, data, REFERENCE)
    return [value(own[seed]) - value(base[seed]) for seed in own if seed in base]


def mean_pose(results: Mapping[str, Any], data: str) -> dict[str, float]:
    """Scores of the mean pose, in the units of ``SCORES``.

    Raises:
        ValueError: if runs have different ones: they were tested on different images.
    """
    found = []
    for run in results['runs']:
        if run['data'] == data:
            scores: dict[str, dict] = dict(novel={}, base={})
            for name, value in run['mean_pose'].items():
                kind, _, key = name.partition('/')
                scores[kind][key] = value
            found.append({name: value(scores) for name, value in SCORES.items()})
    for other in found[1:]:
        if any(abs(other[name] - value) > 1e-6 for name, value in found[0].items()):
            raise ValueError(f'{data}: runs have different scores of the mean pose')
    return found[0]


def score_table(results: Mapping[str, Any], data: str) -> list[list[str]]:
    """Heading and rows: the mean pose, every row, then paired differences to base only."""
    rows = [['', *SCORES, 'runs', 'min / run']]
    rows.append(['mean pose', *(f'{v:.1f}' for v in mean_pose(results, data).values()), '', ''])
    return rows + _lines(results, data, SCORES)


def probe_table(results: Mapping[str, Any], data: str) -> list[list[str]]:
    """The same of the probes."""
    return [['', *PROBES, 'runs', 'min / run'], *_lines(results, data, PROBES)]


def _lines(results: Mapping[str, Any], data: str, columns: Mapping[str, Score]) -> list[list[str]]:
    lines = []
    for row, title in results['titles'].items():
        runs = select(results, data, row).values()
        minutes = [run['minutes'] for run in runs]
        empty = 'undefined' if minutes else 'missing'
        cells = [cell([value(run) for run in runs]) or empty for value in columns.values()]
        length = f'{statistics.fmean(minutes):.1f}' if minutes else ''
        lines.append([title, *cells, str(len(minutes)), length])
    for row, title in results['titles'].items():
        found = [differences(results, data, row, value) for value in columns.values()]
        if row != REFERENCE and found[0]:
            cells = [cell(values, '+') for values in found]
            extra = [after - before for after, before in _minutes(results, data, row)]
            line = [f'{title} - base only', *cells, str(len(found[0]))]
            lines.append([*line, f'{statistics.fmean(extra):+.1f}'])
    return lines


def _minutes(results: Mapping[str, Any], data: str, row: str) -> list[tuple[float, float]]:
    own, base = select(results, data, row), select(results, data, REFERENCE)
    return [(own[seed]['minutes'], base[seed]['minutes']) for seed in own if seed in base]


def gaps(results: Mapping[str, Any], data: str, row: str, better: Callable) -> list[float]:
    """By how many percent of the base value the novel one is worse, by run.

    Args:
        better: Gives the measure, the larger the better, for 'base' and for 'novel'.
    """
    base, novel = better('base'), better('novel')
    pairs = ((base(run), novel(run)) for run in select(results, data, row).values())
    return [100 * (1 - new / old) if old > 0 else math.nan for old, new in pairs]


def promise_table(results: Mapping[str, Any]) -> list[list[str]]:
    """Heading and rows: what was measured of what we hold ourselves to."""
    rows = [['', 'measured', 'promised']]
    for data in data_sets(results):
        promised = f'at least +{GAIN:g}' if data == 'synth' else ''
        gain = differences(results, data, FULL, SCORES['mAP'])
        rows.append([f'{data}: novel mAP, full - base only', cell(gain, '+'), promised])
        for row in SINGLE:
            gain = differences(results, data, row, SCORES['mAP'])
            title = f'{data}: novel mAP, {results["titles"][row]} - base only'
            rows.append([title, cell(gain, '+'), 'not below 0'])
        measures = {
            'correspondence (PCK@0.2)': lambda kind: probe(f'{kind}/transfer_PCK@0.2', 100),
            'keyness (noise taken)': keyness_gain,
        }
        for title, measure in measures.items():
            gap = cell(gaps(results, data, FULL, measure))
            title = f'{data}: full, {title}, novel below base by %'
            rows.append([title, gap, f'at most {TRANSFER_GAP:g}'])
    return [[title, value or 'missing', promised] for title, value, promised in rows]


def report(results: Mapping[str, Any], figure: str, evidence: str) -> str:
    """The whole page in Markdown, with links to the files of the figure and of all scores."""
    budget = results['budget']
    seeds = sorted({run['seed'] for run in results['runs']})
    parts = [
        '# Weak-shot learning with and without its novel losses',
        f'`{results["command"]}` makes this page, the figure and [{evidence}]({evidence}), which '
        'has the scores of every run.',
        f'Every run: {budget["epochs"]} epoch(s) of {budget["pairs"]} pairs, half of them of base '
        'categories, one CPU thread. All start from one trunk, the backbone of a few-shot model '
        'that was trained on the base categories of the synthetic set (`make demo`); the rest is '
        'new. Base only has the same base pairs in the same order and the same number of steps as '
        'the others; it does not look at the novel images beside them. Nor do the others, except '
        'the Oracle, before the novel losses begin: this first part is trained once for all. '
        '"+ L_NU", "+ L_NC" and '
        '"+ L_NG" have that novel loss alone beside the base ones, full has all. The Oracle takes '
        'the novel pairs as labelled ones, without novel losses. The last checkpoint is tested; '
        'nothing is chosen by a validation. The seed '
        f'({", ".join(map(str, seeds))}) sets initial weights, pairs and augmentation; which '
        'images are for training and which for testing is the same in all runs.',
        'mAP, mPCK (percent) and L2 (pixels at 256, ridge regression; smaller is better) are of '
        "the novel categories' test images where nothing else is said, means over categories; "
        'prompts are assigned to keypoints on the training images. Probes: PCK@0.2 of keypoints '
        'carried to another image by the descriptors; how far keypoints shifted by noise are from '
        'the truth after a step of keyness, what part of the noise it took away, and what part a '
        'step on the true map would; squared error of the keyness map. ± is the sample standard '
        'deviation over the seeds; of a difference, over the differences of runs with the same '
        'seed. A difference that is not well above its spread shows nothing. Minutes are those of '
        'the training iterations.',
        f'![novel mAP, L2 and probes]({figure})',
    ]
    parts += missing_runs(results['missing'])
    parts += ['## What we hold ourselves to', markdown_table(promise_table(results))]
    for data in data_sets(results):
        parts += [f'## {data}', markdown_table(score_table(results, data))]
        parts += ['Keyness and correspondence:', markdown_table(probe_table(results, data))]
    return '\n\n'.join(parts) + '\n'


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Novel mAP and L2, and transfer of both teachers: a line of panels a data set."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    sets, titles = data_sets(results), list(results['titles'].values())
    panels_of = {
        'novel mAP (%)': {'': 'mAP'},
        'novel L2 (px at 256)': {'': 'L2 px'},
        'correspondence, PCK@0.2 (%)': {k: f'PCK@0.2 {k}' for k in ('base', 'novel')},
        'keyness, noise taken (%)': {k: f'noise taken % {k}' for k in ('base', 'novel')},
    }
    columns = {**SCORES, **PROBES}
    figure, panels = pyplot.subplots(
        len(sets), len(panels_of), figsize=(13, 3 * len(sets) + 0.3), sharey=True, squeeze=False
    )
    for line, data in zip(panels, sets, strict=True):
        line[0].set_ylabel(data)
        line[0].set_yticks(range(len(titles)), titles)
        line[0].set_ylim(len(titles) - 0.5, -0.5)
        for panel, (title, lines) in zip(line, panels_of.items(), strict=True):
            panel.set_title(title, fontsize=10)
            panel.grid(axis='x', alpha=0.3)
            for number, (label, name) in enumerate(lines.items()):
                _draw_rows(panel, results, data, columns[name], number, label)
            (name, *more) = lines.values()
            if not more:
                pose = mean_pose(results, data)[name]
                panel.axvline(pose, color='0.4', linestyle='--', label='mean pose')
            panel.legend(fontsize=7, frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _draw_rows(
    panel: Any, results: Mapping[str, Any], data: str, value: Score, number: int, label: str
) -> None:
    """Mean and deviation of every row with runs."""
    rows = [
        (place, Spread.of(values))
        for place, row in enumerate(results['titles'])
        if (values := defined([value(run) for run in select(results, data, row).values()]))
    ]
    panel.errorbar(
        [spread.mean for _, spread in rows],
        [place + 0.15 * number for place, _ in rows],
        xerr=[spread.std or 0 for _, spread in rows],
        fmt='o',
        markersize=4,
        capsize=3,
        color=f'C{number}',
        label=label or None,
    )


def write_report(results: Mapping[str, Any], stem: Path) -> None:
    """Write ``STEM.md``, ``STEM.png`` and ``STEM.json``."""
    page, evidence, figure = (stem.with_name(f'{stem.name}.{s}') for s in ('md', 'json', 'png'))
    text = report(results, figure.name, evidence.name)
    stem.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text)
    evidence.write_text(json.dumps(results, indent=1) + '\n')
    draw(results, figure)
    print(text)
