import json

import pytest

from .loading import load_benchmark

training_log = load_benchmark('training_log')


def test_minutes_count_every_iteration_once(tmp_path):
    def write(stamp, *entries, cut=''):
        path = tmp_path / stamp / 'vis_data' / 'scalars.json'
        path.parent.mkdir(parents=True)
        lines = [json.dumps(dict(time=time, step=step)) for step, time in entries]
        path.write_text('\n'.join([*lines, cut]))

    # Killed after 50 iterations and resumed after 40: those of the second attempt count.
    write('20260101_000001', (20, 6.0), (40, 3.0), (50, 99.0), cut='{"time": 9, "st')
    write('20260101_000002', (60, 1.5), (50, 3.0))
    # A test's log lies deeper.
    write('test/20260101_000003', (20, 1000.0))
    assert training_log.training_minutes(tmp_path) == pytest.approx(
        (20 * 6 + 20 * 3 + 10 * 3 + 10 * 1.5) / 60
    )


def test_minutes_of_a_run_that_went_on_from_another(tmp_path):
    for name, entries in (('first', [(20, 6.0), (40, 3.0)]), ('second', [(40, 1.5), (60, 9.0)])):
        path = tmp_path / name / '20260101_000001' / 'vis_data' / 'scalars.json'
        path.parent.mkdir(parents=True)
        path.write_text('\n'.join(json.dumps(dict(time=t, step=s)) for s, t in entries))
    folders = (tmp_path / 'first', tmp_path / 'second')
    assert training_log.training_minutes(*folders) == pytest.approx(20 * (6 + 1.5 + 9) / 60)


def test_epoch_ends(tmp_path):
    line = '11/28 12:00:00 - mmengine - INFO - Epoch(train)  [{}][{}/3]  loss: {}'
    lines = [line.format(*values) for values in ((1, 1, 9), (1, 3, 8), (2, 3, 7), (2, 3, 6))]
    for name, part in (('a', lines), ('b', ['no training'])):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'console.log').write_text('\n'.join(['start', *part, 'end']))
    folders = [tmp_path / name for name in ('a', 'gone', 'b')]
    training_log.write_epoch_ends(folders, tmp_path / 'out.log')
    assert (tmp_path / 'out.log').read_text().splitlines() == ['== a', lines[1], lines[3], '== b']
