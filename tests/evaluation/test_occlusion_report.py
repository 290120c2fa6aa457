import json

import cv2
import numpy as np
import pytest

from kpt_plugins.evaluation import KeypointRecords
from kpt_plugins.evaluation.functional import auroc
from kpt_plugins.evaluation.occlusion_figure import draw_levels, draw_roc
from kpt_plugins.evaluation.occlusion_report import format_levels, summarize_levels

GROUPS = {'category=car': 30.0, 'category=bus': 50.0, 'azimuth_bin=3': 10.0}


def make_records(level, num=20, count=3):
    rng = np.random.default_rng(level)
    occluded = rng.uniform(size=(num, count)) < 0.2 * level
    return KeypointRecords(
        errors=rng.uniform(0, 0.2 + 0.1 * level, (num, count)),
        annotated=rng.uniform(size=(num, count)) < 0.9,
        occluded=occluded,
        scores=rng.uniform(size=(num, count)) + 0.5 * ~occluded,
        groups={},
    )


def make_summary(levels=(0, 1, 2), names=('a', 'b', 'c')):
    records = [make_records(level) for level in levels]
    scores = [record.evaluate(0.1) for record in records]
    for values in scores:
        values |= {f'{name}/PCK_visible': pck for name, pck in GROUPS.items()}
        values |= {'category/PCK_visible': 40.0, 'azimuth_bin/PCK_visible': 10.0}
    hidden = [(0.3 * level, float('nan')) for level in levels]
    return summarize_levels(levels, scores, records, hidden, 0.1, names), records


def test_summary():
    summary, records = make_summary()
    json.dumps(summary, allow_nan=False)
    rows = summary['levels']
    for row, record in zip(rows, records, strict=True):
        visible = record.annotated & ~record.occluded
        right = [100 * np.mean(record.errors[visible[:, k], k] < 0.1) for k in range(3)]
        assert row['PCK_visible'] == pytest.approx(np.mean(right))
        assert list(row['per_keypoint']) == ['a', 'b', 'c']
        assert list(row['per_keypoint'].values()) == pytest.approx(right)
    clean, last = rows[0]['PCK_visible'], rows[2]['PCK_visible']
    assert rows[0]['drop'] == 0 and rows[2]['drop'] == pytest.approx(100 * (clean - last) / clean)
    assert rows[0]['AUROC'] is None and rows[0]['background_occluded'] is None
    labels = np.concatenate([~record.occluded[record.annotated] for record in records])
    scores = np.concatenate([record.scores[record.annotated] for record in records])
    assert summary['AUROC'] == pytest.approx(auroc(scores, labels))


def test_without_a_clean_level_there_is_no_drop():
    assert [row['drop'] for row in make_summary(levels=(1, 2))[0]['levels']] == [None, None]


def test_names_that_do_not_fit_become_numbers():
    for names in (None, ['a']):
        row = make_summary(names=names)[0]['levels'][0]
        assert list(row['per_keypoint']) == ['0', '1', '2']


def test_table():
    summary, _ = make_summary()
    text = format_levels(summary)
    lines = [line for line in text.splitlines() if line.startswith('| ')]
    row = summary['levels'][2]
    assert lines[1].startswith('| L0 | 0.0 | – |') and '| – | – |' in lines[1]
    assert f'| L2 | 60.0 | – | {row["PCK_visible"]:.1f} | {row["PCK_visible_micro"]:.1f} |' in text
    assert f'| {row["AUROC"]:.3f} | {row["num_visible"]} | {row["num_occluded"]} |' in lines[3]
    assert lines[4:] == [
        '| category, visible, macro | L0 | L1 | L2 |',
        '| car | 30.0 | 30.0 | 30.0 |',
        '| bus | 50.0 | 50.0 | 50.0 |',
        '| mean | 40.0 | 40.0 | 40.0 |',
    ]
    assert 'azimuth' not in text  # there is but one bin
    columns = {line.count('|') for line in lines[:4]}
    assert columns == {11}


def test_figures(tmp_path):
    summary, records = make_summary()
    draw_levels(summary, tmp_path / 'levels.png')
    draw_roc([0, 1, 2], records, tmp_path / 'roc.png')
    for name in ('levels.png', 'roc.png'):
        assert cv2.imread(str(tmp_path / name)).std() > 10
    # Clean images alone have neither AUROC nor curve.
    summary, records = make_summary(levels=(0,))
    draw_levels(summary, tmp_path / 'clean.png')
    draw_roc([0], records, tmp_path / 'clean_roc.png')
    assert (tmp_path / 'clean_roc.png').is_file()
