import json
import math

import pytest

from .loading import load_benchmark

report = load_benchmark('coke_report')

PCK = {
    # by data set, model and seed: PCK at L0 to L3
    ('cattle', 'coke', 0): (90, 80, 72, 50),
    ('cattle', 'coke', 1): (92, 80, 78, 54),
    ('cattle', 'heatmap', 0): (88, 70, 58, 40),
    ('cattle', 'heatmap', 1): (92, 74, 64, 40),
    ('horse', 'coke', 0): (80, 70, 60, 50),
    ('horse', 'heatmap', 0): (80, 70, 40, 30),
    ('cattle', 'cma', 0): (85, 80, 75, 50),
}


@pytest.fixture
def results():
    runs = [
        dict(
            data=data,
            variant=variant,
            seed=seed,
            options={},
            minutes=2.0 + seed,
            AUROC=0.75 if variant == 'heatmap' else 0.9,
            levels=[
                dict(level=level, PCK_visible=float(value), AUROC=0.8 if level else None)
                for level, value in enumerate(values)
            ],
        )
        for (data, variant, seed), values in PCK.items()
    ]
    return dict(
        command='make it',
        budget=dict(epochs=3, synth_images=40, lr=5e-4, trunk_epochs=2),
        models=dict(coke='CoKe', heatmap='heatmaps', simplebaseline='SimpleBaseline'),
        ablations=dict(cma='cumulative', bilinear='bilinear sampling'),
        ablated='cattle',
        runs=runs,
        missing={'horse_coke_seed1': 'not started'},
    )


def test_scores_of_a_run(results):
    run = results['runs'][0]
    assert [score(run) for score in report.COLUMNS.values()] == [90, 80, 72, 50, 18, 20, 90]
    for row in run['levels']:
        row['PCK_visible'] = 0.0
    assert math.isnan(report.relative_loss(run))


def test_table_of_a_data_set(results):
    heading, coke, heatmap, simple, difference = report.data_table(results, 'cattle')
    assert heading[:5] == ['model', 'L0', 'L1', 'L2', 'L3']
    assert coke[1] == '91.0 ± 1.4' and coke[5] == '16.0 ± 2.8'
    assert coke[-2:] == ['2', '2.5']
    assert heatmap[5] == '29.0 ± 1.4'
    assert simple[1] == 'missing' and simple[-2] == '0'
    # paired by seed: +2 and 0 at L0; losses 18 - 30 and 14 - 28
    assert difference[0] == 'CoKe - heatmaps' and difference[1] == '+1.0 ± 1.4'
    assert difference[5] == '-13.0 ± 1.4' and difference[7] == '+15.0 ± 0.0'
    assert len({len(row) for row in (heading, coke, heatmap, simple, difference)}) == 1


def test_summary_is_paired_and_its_mean_over_seeds_of_all_sets(results):
    rows = report.summary_table(results)
    assert [row[0] for row in rows] == ['data set', 'cattle', 'horse', 'mean']
    cattle, horse, mean = rows[1:]
    # 1 - 18/30 and 1 - 14/28; horse 1 - 20/40
    assert cattle[3] == '+45.0 ± 7.1' and horse[3] == '+50.0'
    assert cattle[1] == '+1.0 ± 1.4' and horse[1] == '+0.0'
    assert mean[1] == '+1.0' and mean[3] == '+45.0' and mean[2] == '+17.0'


def test_no_loss_to_save_from(results):
    for run in results['runs']:
        if (run['data'], run['variant']) == ('horse', 'heatmap'):
            run['levels'][2]['PCK_visible'] = 80.0
    horse = report.summary_table(results)[2]
    assert horse[3] == '' and horse[2] == '-20.0'


def test_ablation_is_compared_with_its_seed_alone(results):
    heading, full, cma, bilinear = report.ablation_table(results)
    assert full[:2] == ['CoKe', '90.0'] and full[-2] == '1'
    assert cma[:2] == ['cumulative', '85.0'] and bilinear[1] == 'missing'
    assert len(heading) == len(full) == len(cma) == len(bilinear)


def test_files(results, tmp_path, capsys):
    report.write_report(results, tmp_path / 'new' / 'page')
    text = (tmp_path / 'new' / 'page.md').read_text()
    assert text in capsys.readouterr().out
    assert '(page.png)' in text and '- horse_coke_seed1: not started' in text
    assert '## Ablation on cattle' in text and '`make it`' in text
    assert json.loads((tmp_path / 'new' / 'page.json').read_text()) == results
    assert (tmp_path / 'new' / 'page.png').stat().st_size > 5000
    results['runs'] = [run for run in results['runs'] if run['variant'] != 'cma']
    assert 'Ablation' not in report.report(results, 'f', 'e')
