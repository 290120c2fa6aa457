import json
import statistics

import pytest

from kpt_plugins.evaluation import format_summary, load_run, score_run, summarize_runs
from kpt_plugins.evaluation.incremental_report import metric_name, spread

from .incremental_rows import MATRIX, write_run

# The scores of MATRIX by hand.
SCORES = {
    'AAA': (185 / 3 + 54) / 2,
    'AT': 0.5,
    'MT': 6.0,
    'old': 62.0,
    'new': 30.0,
    'all': 54.0,
    'forgetting': 3.0,
    'minutes': None,
    'AAA with base': (70 + 185 / 3 + 54) / 3,
    'AT stepwise': -0.375,
    'MT keypoint': 10.0,
}


def shifted(by, matrix=MATRIX):
    """A matrix with everything after the base step larger."""
    later = [{name: value + by for name, value in row.items()} for row in matrix[1:]]
    return [matrix[0], *later]


@pytest.fixture
def runs(tmp_path):
    return [
        load_run(write_run(tmp_path / 'kamp_seed0', minutes=[50, 3, 4])),
        load_run(write_run(tmp_path / 'kamp_seed1', shifted(3), minutes=[50, 5, 6])),
        load_run(write_run(tmp_path / 'joint', shifted(9))),
    ]


def test_scores_of_a_run(runs):
    scores = score_run(runs[0])
    assert scores == pytest.approx(SCORES | dict(minutes=3.5))
    assert list(scores) == list(SCORES)


def test_scores_of_errors(tmp_path):
    folder = write_run(
        tmp_path / 'run', base='mre', thr=None, unit='mm', sdr={'2': 70.0, '2.5': 81.0}
    )
    scores = score_run(load_run(folder))
    assert scores['A-MRE'] == pytest.approx(SCORES['AAA'])
    assert scores['A-MRE with base'] == pytest.approx(SCORES['AAA with base'])
    # Larger values are worse now.
    assert scores['AT'] == -0.5 and scores['AT stepwise'] == 0.375
    assert scores['MT'] == 5 and scores['MT keypoint'] == 20
    assert scores['forgetting'] == pytest.approx(2)
    assert scores['SDR@2'] == 70 and scores['SDR@2.5'] == 81
    assert 'AAA' not in scores


def test_base_step_alone_names_the_folder(tmp_path):
    run = load_run(write_run(tmp_path / 'kamp_seed0', MATRIX[:1]))
    with pytest.raises(ValueError, match='kamp_seed0: .*need a step after the base step'):
        score_run(run)


def test_summary(runs):
    summary = summarize_runs(runs)
    assert json.loads(json.dumps(summary)) == summary
    assert summary['steps'] == [['a', 'b'], ['c'], ['d']]
    assert (summary['base'], summary['thr'], summary['unit']) == ('pck', 0.1, '%')
    kamp, joint = summary['methods']['kamp'], summary['methods']['joint']
    assert kamp['seeds'] == [0, 1] and joint['seeds'] == [None]
    assert [run['matrix'] for run in kamp['runs']] == [MATRIX, shifted(3)]
    assert kamp['runs'][1]['scores'] == score_run(runs[1])
    assert kamp['scores']['all'] == dict(mean=55.5, sd=pytest.approx(statistics.stdev([54, 57])))
    assert kamp['scores']['minutes'] == dict(
        mean=4.5, sd=pytest.approx(statistics.stdev([3.5, 5.5]))
    )
    assert joint['scores']['minutes'] == dict(mean=None, sd=None)
    assert joint['scores']['all'] == dict(mean=63, sd=None)
    steps = [score['mean'] for score in kamp['average_accuracy']]
    assert steps == pytest.approx([70, 185 / 3 + 1.5, 55.5])
    assert kamp['average_accuracy'][0]['sd'] == 0


def test_summary_refuses_other_protocols(runs, tmp_path):
    other = load_run(write_run(tmp_path / 'lwf_seed0', MATRIX[:2]))
    with pytest.raises(ValueError, match='kamp_seed0 and .*lwf_seed0 cannot.*: they have 3'):
        summarize_runs([*runs, other])


def test_spread():
    assert spread([1.0, None, 3.0]) == dict(mean=2.0, sd=pytest.approx(2**0.5))
    assert spread([float('nan'), 4.0]) == dict(mean=4.0, sd=None)
    assert spread([None]) == dict(mean=None, sd=None)


def test_table(runs):
    legend, table = format_summary(summarize_runs(runs)).split('\n\n')
    assert legend.startswith('PCK@0.1 (%), higher is better; 2 + 1 + 1 keypoints in steps 0 to 2')
    assert 'AAA: mean over the steps after step 0' in legend
    assert table.splitlines() == [
        '| method | seeds | AAA | AT | MT | old | new | all | forgetting | min / step |',
        '|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
        '| kamp | 2 | 59.3 ± 2.1 | +1.2 ± 1.1 | +6.0 ± 0.0 | 63.5 ± 2.1 | 31.5 ± 2.1 | 55.5 ± 2.1 '
        '| +2.5 ± 0.7 | 4.5 ± 1.4 |',
        '| joint | 1 | 66.8 | +5.0 | +6.0 | 71.0 | 39.0 | 63.0 | +0.0 | – |',
    ]


def test_table_of_errors(tmp_path):
    small = [{name: value / 100 for name, value in row.items()} for row in MATRIX]
    folder = write_run(tmp_path / 'kamp', small, base='mre', thr=None, unit='mm', sdr={'2': 70.0})
    legend, table = format_summary(summarize_runs([load_run(folder)])).split('\n\n')
    assert legend.startswith('MRE (mm), lower is better') and 'A-MRE: mean' in legend
    assert table.splitlines()[0] == (
        '| method | seeds | A-MRE | AT | MT | old | new | all | SDR@2 | forgetting | min / step |'
    )
    assert table.splitlines()[2] == (
        '| kamp | 1 | 0.58 | -0.01 | +0.05 | 0.62 | 0.30 | 0.54 | 70.0 | +0.02 | – |'
    )


def test_keypoints_that_no_instance_shows(tmp_path):
    folder = write_run(tmp_path / 'kamp', [*MATRIX[:2], {**MATRIX[2], 'd': None}])
    summary = summarize_runs([load_run(folder)])
    scores = summary['methods']['kamp']['scores']
    assert scores['new']['mean'] is None and scores['all']['mean'] == 62
    assert json.dumps(summary).count('NaN') == 0
    assert '| 62.0 | – | 62.0 |' in format_summary(summary)


def test_metric_name():
    assert metric_name(dict(base='pckh', thr=0.5, unit='%')) == 'PCKh@0.5 (%)'
    assert metric_name(dict(base='mre', thr=None, unit='px')) == 'MRE (px)'
