"""Table, figure and evidence of an ablation from the scores of its runs.

Results are a dict: ``command``, ``budget`` and ``base`` (config) say how they were made, ``titles``
names the variants in the order of the table, ``runs`` lists what finished (``variant``, ``seed``,
``config``, ``options``, ``minutes``, ``scores`` by degrees of rotation as ``tools/test.py`` writes
them) and ``missing`` maps the names of the other runs to how far they are.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Degrees by which the queries of the tests are turned.
ROTATIONS = (0, 40)
REFERENCE = 'full'
MODEL, COPY = 'model', 'copy_baseline'


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation (None for a single value) of ``count`` values."""

    mean: float
    std: float | None
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        std = statistics.stdev(values) if len(values) > 1 else None
        return cls(statistics.fmean(values), std, len(values))

    def percent(self, sign: str = '') -> str:
        """Both in percent; ``sign='+'`` shows the sign of a positive mean."""
        text = f'{100 * self.mean:{sign}.1f}'
        return text if self.std is None else f'{text} ± {100 * self.std:.1f}'


def score_keys(results: Mapping[str, Any]) -> list[str]:
    """mPCK and PCK at the thresholds that it is the mean over.

    Raises:
        ValueError: if runs have different thresholds.
    """
    lists = {
        tuple(scores[MODEL]['thresholds'])
        for run in results['runs']
        for scores in run['scores'].values()
    }
    if len(lists) != 1:
        raise ValueError(f'runs were scored at different thresholds: {sorted(lists)}')
    return ['mPCK', *(f'PCK@{t:g}' for t in lists.pop())]


def by_seed(results: Mapping[str, Any], variant: str, rotation: int, key: str) -> dict[int, float]:
    """A score of a variant's finished runs."""
    return {
        run['seed']: run['scores'][str(rotation)][MODEL][key]
        for run in results['runs']
        if run['variant'] == variant
    }


def difference(
    results: Mapping[str, Any], variant: str, rotation: int, key: str = 'mPCK'
) -> Spread | None:
    """How much better than the full method, paired by seed; None without a common seed."""
    full = by_seed(results, REFERENCE, rotation, key)
    own = by_seed(results, variant, rotation, key)
    pairs = [own[seed] - full[seed] for seed in own if seed in full]
    return Spread.of(pairs) if pairs else None


def copy_scores(results: Mapping[str, Any], rotation: int) -> dict[str, float]:
    """Scores of copying the support's keypoints.

    Raises:
        ValueError: if they are not the same in all runs, which then had other test episodes.
    """
    copies = [run['scores'][str(rotation)][COPY] for run in results['runs']]
    if any(copy != copies[0] for copy in copies):
        raise ValueError('the copy baseline differs between runs: they had other test episodes')
    return copies[0]


def table_rows(results: Mapping[str, Any], rotation: int) -> list[list[str]]:
    """Heading and rows of the table of one rotation."""
    keys = score_keys(results)
    rows = [['variant', *keys, 'mPCK - full', 'runs', 'min / run']]
    for variant, title in results['titles'].items():
        minutes = [run['minutes'] for run in results['runs'] if run['variant'] == variant]
        if not minutes:
            rows.append([title, *['missing'] * len(keys), '', '0', ''])
            continue
        scores = [Spread.of([*by_seed(results, variant, rotation, key).values()]) for key in keys]
        gap = None if variant == REFERENCE else difference(results, variant, rotation)
        rows.append(
            [
                title,
                *(score.percent() for score in scores),
                gap.percent('+') if gap else '',
                str(len(minutes)),
                f'{statistics.fmean(minutes):.1f}',
            ]
        )
    copied = copy_scores(results, rotation)
    rows.append(['copy the support', *(f'{100 * copied[key]:.1f}' for key in keys), '', '', ''])
    return rows


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows, the heading first, as a table; the first column is flush left, the others right."""
    lines = ['| ' + ' | '.join(row) + ' |' for row in rows]
    lines.insert(1, '| --- |' + ' ---: |' * (len(rows[0]) - 1))
    return '\n'.join(lines)


def missing_runs(missing: Mapping[str, str], place: str = 'tables') -> list[str]:
    """Paragraphs that name the runs which the tables lack, and how far they are."""
    if not missing:
        return []
    lines = [f'- {name}: {state}' for name, state in missing.items()]
    return [f'**Missing, {len(lines)} runs that are not in the {place}:**', '\n'.join(lines)]


def changes(run: Mapping[str, Any]) -> str:
    """What a run changes of the full method, as one writes it on the command line."""
    options = [f'`{key}={value}`' for key, value in run['options'].items()]
    return ', '.join([f'`{run["config"]}`', *options])


def report(results: Mapping[str, Any], figure: str, evidence: str) -> str:
    """The whole page in Markdown, with links to the files of the figure and of all scores."""
    budget, thresholds = results['budget'], ', '.join(k[4:] for k in score_keys(results)[1:])
    pairs = copy_scores(results, ROTATIONS[0])['num_pairs']
    seeds = sorted({run['seed'] for run in results['runs']})
    parts = [
        '# Ablation of FMMP on the synthetic novel categories',
        f'`{results["command"]}` makes this page, the figure and [{evidence}]({evidence}), which '
        'has the scores of every run and the config.',
        f'Every run: {budget["epochs"]} epochs of {budget["episodes"]} training pairs from '
        f'scratch, the first {budget["warmup_epochs"]} without the recurrent layers (but where '
        'there is no proposal that they could train), one CPU thread; a shorter schedule than '
        "the config's own. The last checkpoint is tested: there is no validation, so it picks "
        f'nothing. The test: {pairs:.0f} pairs of categories that training has not seen, the '
        f'same for all runs. The seed ({", ".join(map(str, seeds))}) sets the initial weights '
        'and the training episodes.',
        f"PCK in percent of the pairs' keypoints, mPCK its mean at {thresholds}. ± is the "
        'sample standard deviation over the seeds; of a difference, over the differences of '
        'runs with the same seed. A difference that is not well above its spread shows '
        'nothing. Minutes are those of the training iterations.',
        f'![mPCK of every run]({figure})',
    ]
    parts += missing_runs(results['missing'], 'table')
    for rotation in ROTATIONS:
        turned = (
            f'Queries turned by up to {rotation} degrees' if rotation else 'Queries as they are'
        )
        parts += [f'## {turned}', markdown_table(table_rows(results, rotation))]
    first = {run['variant']: run for run in reversed(results['runs'])}
    lines = [
        f'- {title}: {changes(first[variant])}'
        for variant, title in results['titles'].items()
        if variant in first
    ]
    parts += ['## What each variant changes', '\n'.join(lines)]
    parts += [
        'Training with mixup or equal division is tested with equal division, as in the paper; '
        'training with zero padding with zero padding.'
    ]
    return '\n\n'.join(parts) + '\n'


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Every run's mPCK as a dot, mean and spread of each variant, copying as a line."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        1, len(ROTATIONS), figsize=(11, 0.5 * len(results['titles']) + 1.4), sharey=True
    )
    for panel, rotation in zip(panels, ROTATIONS, strict=True):
        for row, variant in enumerate(results['titles']):
            values = [100 * v for v in by_seed(results, variant, rotation, 'mPCK').values()]
            if not values:
                continue
            spread = Spread.of(values)
            panel.errorbar(
                spread.mean, row, xerr=spread.std, fmt='o', capsize=4, color=f'C{row}', zorder=2
            )
            panel.plot(values, [row + 0.25] * len(values), '.', color=f'C{row}', alpha=0.5)
        copied = 100 * copy_scores(results, rotation)['mPCK']
        panel.axvline(copied, color='0.4', linestyle='--', label='copy the support')
        panel.set_title(
            f'queries turned by up to {rotation}°' if rotation else 'queries as they are'
        )
        panel.set_xlabel('mPCK on novel categories (%)')
        panel.grid(axis='x', alpha=0.3)
    panels[0].set_yticks(range(len(results['titles'])), list(results['titles'].values()))
    panels[0].invert_yaxis()
    panels[-1].legend(loc='best', fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def write_report(results: Mapping[str, Any], stem: Path) -> None:
    """Write ``STEM.md``, ``STEM.png`` and ``STEM.json``.

    Raises:
        ValueError: if the runs cannot be compared; nothing is written then.
    """
    page, evidence, figure = (stem.with_name(f'{stem.name}.{s}') for s in ('md', 'json', 'png'))
    text = report(results, figure.name, evidence.name)
    stem.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text)
    evidence.write_text(json.dumps(results, indent=1) + '\n')
    draw(results, figure)
    print(text)
