"""Table, figure and evidence of the labelling loop from the scores of its runs.

Results are a dict: ``command`` and ``budget`` say how they were made, ``species`` and
``num_images`` what was learned from, ``num_test_images`` how many images it was tested on and
``neighbours`` how many of them are next to a training image in their recording, ``runs`` lists what
finished (``arm``, ``shots``, ``seed``, ``pck`` of the detector and, of predicted labels,
``label_pck`` and ``labels``), ``missing`` names the other runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ablation_report import Spread, markdown_table

LOOP, CHOSEN, FEW, SECOND, ALL = 'loop', 'chosen', 'few', 'second', 'all'
TITLES = {
    LOOP: 'all images by the loop',
    FEW: 'random images alone',
    CHOSEN: "the loop's annotated images alone",
    SECOND: 'all images, second round',
    ALL: 'all true labels',
}


def select(results: Mapping[str, Any], arm: str, shots: int) -> dict[int, Mapping[str, Any]]:
    """Finished runs by seed."""
    found = (r for r in results['runs'] if (r['arm'], r['shots']) == (arm, shots))
    return {run['seed']: run for run in found}


def shots_of(results: Mapping[str, Any], arm: str) -> list[int]:
    return sorted({run['shots'] for run in results['runs'] if run['arm'] == arm})


def cell(values: Sequence[float], sign: str = '') -> str:
    """Mean and sample standard deviation in percent; empty without values."""
    return Spread.of(values).percent(sign) if values else ''


def table(results: Mapping[str, Any]) -> list[list[str]]:
    """Heading and rows: a line a number of annotated images, the last with all."""
    rows = [['annotated', TITLES[FEW], TITLES[CHOSEN]]]
    for arm in (LOOP, SECOND):
        rows[0] += [TITLES[arm], 'difference', 'its labels']
    rows[0].append('runs')
    for shots in sorted({*shots_of(results, LOOP), *shots_of(results, FEW)}):
        row, counts = [str(shots)], []
        for arm in (FEW, CHOSEN):
            runs = select(results, arm, shots)
            row.append(cell([run['pck'] for run in runs.values()]))
            counts.append(str(len(runs)))
        few = select(results, FEW, shots)
        for arm in (LOOP, SECOND):
            runs = select(results, arm, shots)
            both = [runs[seed]['pck'] - few[seed]['pck'] for seed in runs if seed in few]
            row += [cell([run['pck'] for run in runs.values()]), cell(both, '+')]
            row.append(cell([run['label_pck'] for run in runs.values()]))
            counts.append(str(len(runs)))
        rows.append([*row, ' + '.join(counts)])
    empty = [''] * (len(rows[0]) - 3)
    for shots in shots_of(results, ALL):
        runs = select(results, ALL, shots)
        pck = cell([run['pck'] for run in runs.values()])
        rows.append([f'{shots} (all)', pck, *empty, str(len(runs))])
    return rows


def report(results: Mapping[str, Any], figure: str, evidence: str) -> str:
    """The whole page in Markdown, with links to the files of the figure and of all scores."""
    budget = results['budget']
    parts = [
        '# Annotate few, label all, correct the worst, train',
        f'`{results["command"]}` makes this page, the figure and [{evidence}]({evidence}), which '
        'has the scores of every run.',
        f'{results["species"]}, {results["num_images"]} images to train on, of which a human '
        f'annotates few. `kpt autolabel` labels the others from up to {budget["supports"]} of '
        'these, random ones, in the true boxes, which are not counted as annotated; where more are '
        'annotated, these are its least sure labels, corrected. `kpt train-detector` trains on '
        'both, the human ones repeated until they are as many '
        f'(`--min-score {budget["min_score"]:g} --min-keypoint-score '
        f'{budget["min_keypoint_score"]:g}`). Beside it: the same detector on the '
        'annotated images alone where the loop chose some (up to the supports they are the random '
        'ones); on as many random images alone; a second round, where that last detector labels '
        'all other images in the place of the few-shot model and nothing is corrected; and all '
        'true labels. '
        'Random images are the first of a random order, one for each seed.',
        'All detectors: heatmaps from the backbone of the few-shot model, with its weights '
        f'(`--backbone-of`), {budget["input_size"]} px, {budget["epochs"]} epochs of at least 50 '
        'iterations of 16, the last checkpoint; nothing is chosen by a validation. An epoch of all '
        'images may be longer (462 sheep: 58 iterations); the detectors of the few alone have as '
        'many more epochs, so that all train for about as many iterations.',
        f'Images are frames of a few recordings: of {results["num_test_images"]} test images '
        f'{results["neighbours"]} have the frame before or after among the training images. So the '
        'scores say how well these recordings are learned, not how well other animals are found.',
        'PCK@0.1 on the test images, of the longer side of the box, mean over keypoints, in '
        'percent; "its labels" are the predicted labels before any is corrected, on the training '
        'images. The differences are those to the random images alone. ± is the '
        'sample standard deviation over the seeds; of the difference, over the differences of '
        'runs with the same seed.',
        f'![PCK against the number of annotated images]({figure})',
        markdown_table(table(results)),
    ]
    if results['missing']:
        lines = '\n'.join(f'- {name}' for name in results['missing'])
        parts.append(f'**Missing, {len(results["missing"])} runs:**\n\n{lines}')
    return '\n\n'.join(parts) + '\n'


def draw(results: Mapping[str, Any], path: Path) -> None:
    """PCK of the detectors against the number of annotated images."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5.4, 3.6))
    for number, arm in enumerate(TITLES):
        shots = shots_of(results, arm)
        spreads = [
            Spread.of([run['pck'] for run in select(results, arm, n).values()]) for n in shots
        ]
        if not shots:
            continue
        axes.errorbar(
            shots,
            [100 * spread.mean for spread in spreads],
            yerr=[100 * (spread.std or 0) for spread in spreads],
            fmt='o-',
            markersize=4,
            capsize=3,
            color=f'C{number}',
            label=TITLES[arm],
        )
        if arm == ALL:
            axes.axhline(100 * spreads[-1].mean, color=f'C{number}', linewidth=1, linestyle=':')
    axes.set_xscale('log')
    ticks = sorted({run['shots'] for run in results['runs']})
    axes.set_xticks(ticks, map(str, ticks))
    axes.minorticks_off()
    axes.set_xlabel('images annotated by a human')
    axes.set_ylabel('PCK@0.1 of the detector (%)')
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def write_report(results: Mapping[str, Any], stem: Path) -> None:
    """Write ``STEM.json``, ``STEM.png`` and ``STEM.md``."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    page, figure, evidence = (stem.with_name(f'{stem.name}.{end}') for end in ('md', 'png', 'json'))
    evidence.write_text(json.dumps(results, indent=1) + '\n')
    draw(results, figure)
    page.write_text(report(results, figure.name, evidence.name))
