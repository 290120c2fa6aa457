import json
import math

import pytest

from .loading import load_benchmark

report = load_benchmark('weakshot_report')

RUNS = {
    # by data set, row and seed: novel mAP, L2; PCK@0.2 of base and novel; shift of base and novel
    ('synth', 'base', 0): (0.30, 20, 0.80, 0.60, 5, 7),
    ('synth', 'base', 1): (0.34, 22, 0.80, 0.60, 5, 7),
    ('synth', 'ng', 0): (0.31, 19, 0.80, 0.60, 5, 7),
    ('synth', 'full', 0): (0.38, 18, 0.80, 0.72, 5, 6),
    ('synth', 'full', 1): (0.40, 19, 0.50, 0.40, 5, 6),
    ('synth', 'full', 2): (0.90, 10, 0.50, 0.50, 5, 5),
    ('minicape', 'base', 0): (0.10, 30, 0.80, 0.60, 5, 7),
}


def scores(ap, error):
    return {'mAP': ap, 'mPCK': ap + 0.1, 'L2_px256': float(error), 'num_images': 9}


@pytest.fixture
def results():
    runs = []
    for (data, row, seed), (ap, error, near, far, shift, novel_shift) in RUNS.items():
        pose = {f'{kind}/{k}': v for kind in ('novel', 'base') for k, v in scores(0.2, 25).items()}
        probes = {'base/transfer_PCK@0.2': near, 'novel/transfer_PCK@0.2': far}
        probes |= {'base/keyness_shift': shift, 'novel/keyness_shift': novel_shift}
        probes |= {'base/noise_shift': 10, 'novel/noise_shift': 10, 'base/keyness_sse': 3.0}
        own = dict(data=data, row=row, seed=seed, options={}, minutes=2.0 + seed)
        parts = dict(novel=scores(ap, error), base=scores(0.5, 15), mean_pose=pose, probes=probes)
        runs.append({**own, **parts})
    return dict(
        command='make it',
        budget=dict(epochs=3, pairs=40),
        titles=dict(base='base only', nc='+ L_NC', ng='+ L_NG', nu='+ L_NU', full='full'),
        runs=runs,
        missing={'synth_nc_seed0': 'not started'},
    )


def test_scores_of_a_run(results):
    values = {name: value(results['runs'][0]) for name, value in report.SCORES.items()}
    assert values == {
        'mAP': 30,
        'mPCK': pytest.approx(40),
        'L2 px': 20,
        'base mAP': 50,
        'base L2 px': 15,
    }
    values = {name: value(results['runs'][0]) for name, value in report.PROBES.items()}
    assert values['PCK@0.2 novel'] == 60 and values['shift px base'] == 5
    assert values['noise taken % base'] == 50 and values['noise taken % novel'] == pytest.approx(30)
    # keyness read as offsets has no error of a map; NaN is null in files
    assert math.isnan(values['SSE novel']) and values['SSE base'] == 3
    results['runs'][0]['novel']['mAP'] = None
    assert math.isnan(report.SCORES['mAP'](results['runs'][0]))


def test_score_table(results):
    table = report.score_table(results, 'synth')
    assert len({len(line) for line in table}) == 1
    lines = {line[0]: line[1:] for line in table}
    assert list(lines) == [
        *('', 'mean pose', 'base only', '+ L_NC', '+ L_NG', '+ L_NU', 'full'),
        *('+ L_NG - base only', 'full - base only'),
    ]
    assert lines['mean pose'][:3] == ['20.0', '30.0', '25.0']
    assert lines['base only'][0] == '32.0 ± 2.8' and lines['base only'][-2:] == ['2', '2.5']
    assert lines['+ L_NC'][0] == 'missing' and lines['+ L_NC'][-2:] == ['0', '']
    # paired by seed, the third of full has no partner: +8 and +6
    assert lines['full - base only'][0] == '+7.0 ± 1.4'
    assert lines['full - base only'][-2:] == ['2', '+0.0']
    assert lines['+ L_NG - base only'][2] == '-1.0'


def test_promises(results):
    lines = {line[0]: line[1:] for line in report.promise_table(results)}
    assert lines['synth: novel mAP, full - base only'] == ['+7.0 ± 1.4', 'at least +5']
    assert lines['synth: novel mAP, + L_NG - base only'] == ['+1.0', 'not below 0']
    assert lines['synth: novel mAP, + L_NC - base only'][0] == 'missing'
    assert lines['minicape: novel mAP, full - base only'] == ['missing', '']
    # 10, 20 and 0 %
    name = 'synth: full, correspondence (PCK@0.2), novel below base by %'
    assert lines[name] == ['10.0 ± 10.0', 'at most 20']
    # 50 % of the noise on base; 40, 40 and 50 on novel
    name = 'synth: full, keyness (noise taken), novel below base by %'
    assert lines[name][0].startswith('13.3')


def test_other_test_images_are_noticed(results):
    results['runs'][1]['mean_pose']['novel/mAP'] = 0.21
    with pytest.raises(ValueError, match='synth: runs have different scores of the mean pose'):
        report.mean_pose(results, 'synth')


def test_files(results, tmp_path, capsys):
    report.write_report(results, tmp_path / 'new' / 'page')
    text = (tmp_path / 'new' / 'page.md').read_text()
    assert text in capsys.readouterr().out
    assert '(page.png)' in text and '- synth_nc_seed0: not started' in text
    assert '## minicape' in text and '`make it`' in text
    assert json.loads((tmp_path / 'new' / 'page.json').read_text()) == results
    assert (tmp_path / 'new' / 'page.png').stat().st_size > 5000
