import json
from dataclasses import replace

import pytest

from kpt_plugins.evaluation import group_runs, load_run

from .incremental_rows import MATRIX, change_row, write_run


def test_run_as_written(tmp_path):
    matrix = [*MATRIX[:2], {**MATRIX[2], 'd': None}]
    run = load_run(write_run(tmp_path / 'kamp_seed12', matrix, [9.0, 3.5, None]))
    assert run.matrix == matrix
    assert run.steps == [['a', 'b'], ['c'], ['d']]
    assert (run.method, run.seed) == ('kamp', 12)
    assert (run.base, run.thr, run.unit, run.lower_is_better) == ('pck', 0.1, '%', False)
    assert run.counts == dict(a=50, b=50, c=50, d=50)
    assert run.minutes == [9.0, 3.5, None] and run.sdr == [{}, {}, {}]
    assert run.folder == str(tmp_path / 'kamp_seed12')


def test_run_of_errors(tmp_path):
    folder = write_run(tmp_path / 'kamp', base='mre', thr=None, unit='mm', sdr={'2': 71.5})
    (folder / 'stepped').mkdir()
    (folder / 'step1.log').write_text('')
    run = load_run(folder)
    assert (run.method, run.seed, run.thr, run.unit) == ('kamp', None, None, 'mm')
    assert run.lower_is_better and run.sdr[-1] == {'2': 71.5} and run.minutes == [None] * 3
    assert load_run(write_run(tmp_path / 'other', base='mre', thr=None)).unit == 'px'


def test_more_than_ten_steps(tmp_path):
    matrix = [{f'k{k}': 1.0 for k in range(t + 1)} for t in range(12)]
    assert load_run(write_run(tmp_path / 'run', matrix)).matrix == matrix


def test_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing: no step0, step1'):
        load_run(tmp_path / 'nothing')
    folder = write_run(tmp_path / 'run')
    (folder / 'step1' / 'row.json').unlink()
    with pytest.raises(FileNotFoundError, match='step1/row.json: .*has step 1 been tested'):
        load_run(folder)
    (folder / 'step0').rename(folder / 'base')
    with pytest.raises(FileNotFoundError, match='step0/row.json'):
        load_run(folder)


@pytest.mark.parametrize(
    ('step', 'fields', 'message'),
    [
        (1, dict(step=2), 'step1/row.json: step is 2, expected 1'),
        (0, dict(base='oks'), "step0/row.json: base is 'oks', expected one of pck, pckh, mre"),
        (2, dict(base='pckh'), "step2/row.json: base is 'pckh', in .*step0/row.json 'pck'"),
        (1, dict(thr=0.2), 'step1/row.json: thr is 0.2, in .*step0/row.json 0.1'),
        (0, dict(unit='mm'), "unit is 'mm', expected"),
        (1, dict(new=[]), 'step1/row.json: new is empty'),
        (1, dict(new='c'), "step1/row.json: new is 'c', expected a list"),
        (1, dict(names=['b', 'a', 'c']), r"step1/row.json: names are \['b', 'a', 'c'\], expected"),
        (
            1,
            dict(names=['a', 'c'], values=dict(a=1, c=2), counts=dict(a=50, c=50)),
            r"step1/row.json: names are \['a', 'c'\], expected .*\['a', 'b'\]",
        ),
        (1, dict(values=[1, 2, 3]), 'values is .*expected a dict'),
        (1, dict(values=dict(a=1.0, b=2.0)), r"values are those of \['a', 'b'\]"),
        (1, dict(values=dict(a=1.0, b=2.0, c='x')), "the value of c is 'x'"),
        (1, dict(values=dict(a=1.0, b=2.0, c=float('nan'))), 'the value of c is nan'),
        (1, dict(counts=dict(a=1)), r"counts are those of \['a'\]"),
        (1, dict(counts=dict(a=50, b=9, c=50)), '9 test instances show b, after the last step 50'),
        (2, dict(values=None, counts=None), 'step2/row.json: no values, counts in it'),
    ],
)
def test_wrong_rows(tmp_path, step, fields, message):
    folder = write_run(tmp_path / 'run')
    change_row(folder, step, **fields)
    with pytest.raises(ValueError, match=message):
        load_run(folder)


def test_files_that_are_not_json_objects(tmp_path):
    folder = write_run(tmp_path / 'run', minutes=[1, 2, 3])
    manifest, row = folder / 'step1' / 'manifest.json', folder / 'step1' / 'row.json'
    good = manifest.read_text(), row.read_text()
    manifest.write_text(json.dumps(dict(minutes='three')))
    with pytest.raises(ValueError, match="step1/manifest.json: minutes is 'three'"):
        load_run(folder)
    manifest.write_text('{')
    with pytest.raises(ValueError, match='step1/manifest.json: not valid JSON'):
        load_run(folder)
    manifest.write_text(good[0])
    row.write_text('[1]')
    with pytest.raises(ValueError, match='step1/row.json: a list, expected an object'):
        load_run(folder)


def test_groups_by_method_and_seed(tmp_path):
    names = ['lwf_seed3', 'kamp_seed10', 'lwf_seed0', 'kamp_seed9', 'joint', 'a_seed_b']
    groups = group_runs([load_run(write_run(tmp_path / name)) for name in names])
    seeds = {method: [run.seed for run in runs] for method, runs in groups.items()}
    assert seeds == dict(lwf=[0, 3], kamp=[9, 10], joint=[None], a_seed_b=[None])
    assert list(groups) == ['lwf', 'kamp', 'joint', 'a_seed_b']


def test_repeated_runs(tmp_path):
    runs = [load_run(write_run(tmp_path / place / 'kamp_seed0')) for place in 'xy']
    with pytest.raises(ValueError, match='x/kamp_seed0 and .*y/kamp_seed0: the same method and'):
        group_runs(runs)
    with pytest.raises(ValueError, match='no run'):
        group_runs([])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(steps=[['a', 'b'], ['c', 'd']]), 'they have 3 and 2 steps'),
        (
            dict(steps=[['b', 'a'], ['c'], ['d']]),
            r"new keypoints of step 0 are \['a', 'b'\] and \['b', 'a'\]",
        ),
        (dict(base='pckh'), "base is 'pck' and 'pckh'"),
        (dict(thr=0.05), 'thr is 0.1 and 0.05'),
        (dict(counts=dict(a=50, b=50, c=49, d=50)), '50 and 49 test instances show c'),
    ],
)
def test_runs_that_cannot_be_compared(tmp_path, change, message):
    run = load_run(write_run(tmp_path / 'kamp_seed0'))
    other = replace(run, folder='runs/lwf_seed0', method='lwf', **change)
    with pytest.raises(ValueError, match=f'kamp_seed0 and runs/lwf_seed0 cannot.*{message}'):
        group_runs([run, other])
