import json
import math

import pytest

from .loading import load_benchmark

report = load_benchmark('ablation_report')

COPY = {'mPCK': 0.3, 'PCK@0.1': 0.2, 'PCK@0.2': 0.4, 'thresholds': [0.1, 0.2], 'num_pairs': 24.0}


def make_run(variant, seed, mpck, minutes=5.0):
    """A run with this mPCK; with turned queries it has 0.1 less."""
    scores = {
        str(rotation): dict(
            model={
                'mPCK': mpck - drop,
                'PCK@0.1': mpck - drop - 0.05,
                'PCK@0.2': mpck - drop + 0.05,
                'thresholds': [0.1, 0.2],
            },
            copy_baseline=dict(COPY),
        )
        for rotation, drop in zip(report.ROTATIONS, (0, 0.1), strict=True)
    }
    return dict(
        variant=variant,
        seed=seed,
        minutes=minutes,
        scores=scores,
        config='configs/a.py',
        options={} if variant == 'full' else {'x.mode': 'zero'},
    )


@pytest.fixture
def results():
    return dict(
        command='python benchmarks/x.py --epochs 3',
        budget=dict(epochs=3, warmup_epochs=1, episodes=16, test_episodes=2),
        base={},
        titles=dict(full='all of it', zero='zero padding', gone='never run'),
        runs=[
            make_run('full', 0, 0.50),
            make_run('full', 1, 0.56, minutes=7),
            make_run('zero', 0, 0.44),
            make_run('zero', 1, 0.46),
            make_run('zero', 2, 0.90),
        ],
        missing=dict(full_seed2='trained for 2 epochs', gone_seed0='not started'),
    )


def test_spread_is_the_sample_standard_deviation():
    values = [0.1, 0.2, 0.6]
    spread = report.Spread.of(values)
    mean = sum(values) / 3
    assert spread.mean == pytest.approx(mean)
    assert spread.std == pytest.approx(math.sqrt(sum((v - mean) ** 2 for v in values) / 2))
    assert spread.percent() == '30.0 ± 26.5'
    assert report.Spread.of([-0.25]).percent('+') == '-25.0'
    assert report.Spread.of([0.25]).percent('+') == '+25.0'


def test_difference_is_paired_by_seed(results):
    # -0.06 and -0.10; seed 2 has no full run, and its 0.90 must not count.
    gap = report.difference(results, 'zero', 40)
    assert (gap.mean, gap.count) == (pytest.approx(-0.08), 2)
    assert gap.std == pytest.approx(math.sqrt(2 * 0.02**2))
    results['runs'] = results['runs'][:1] + results['runs'][3:]
    assert report.difference(results, 'zero', 0) is None


def test_table(results):
    head, full, zero, gone, copied = report.table_rows(results, 0)
    assert head[:4] == ['variant', 'mPCK', 'PCK@0.1', 'PCK@0.2']
    assert full == ['all of it', '53.0 ± 4.2', '48.0 ± 4.2', '58.0 ± 4.2', '', '2', '6.0']
    assert zero[1] == '60.0 ± 26.0' and zero[4:6] == ['-8.0 ± 2.8', '3']
    assert gone == ['never run', 'missing', 'missing', 'missing', '', '0', '']
    assert copied[:4] == ['copy the support', '30.0', '20.0', '40.0']
    assert report.table_rows(results, 40)[1][1] == '43.0 ± 4.2'
    lines = report.markdown_table([head, full]).splitlines()
    assert {line.count('|') for line in lines} == {len(head) + 1}


def test_page_says_what_is_missing_and_how_it_was_made(results):
    text = report.report(results, 'f.png', 'e.json')
    assert 'Missing, 2 runs' in text
    assert '- full_seed2: trained for 2 epochs' in text and '- gone_seed0: not started' in text
    assert '3 epochs of 16 training pairs' in text and results['command'] in text
    assert 'The test: 24 pairs' in text and 'mean at 0.1, 0.2' in text
    assert '- zero padding: `configs/a.py`, `x.mode=zero`' in text
    results['missing'] = {}
    assert 'Missing' not in report.report(results, 'f.png', 'e.json')


def test_runs_that_cannot_be_compared(results, tmp_path):
    results['runs'][3]['scores']['40']['copy_baseline']['mPCK'] += 1e-6
    with pytest.raises(ValueError, match='other test episodes'):
        report.write_report(results, tmp_path / 'new' / 'r')
    assert not (tmp_path / 'new').exists()
    results['runs'][3]['scores']['0']['model']['thresholds'] = [0.2]
    with pytest.raises(ValueError, match='different thresholds'):
        report.report(results, 'f.png', 'e.json')


def test_files(results, tmp_path, capsys):
    report.write_report(results, tmp_path / 'new' / 'r')
    page = (tmp_path / 'new' / 'r.md').read_text()
    assert '(r.png)' in page and '(r.json)' in page
    assert page.strip() in capsys.readouterr().out
    assert json.loads((tmp_path / 'new' / 'r.json').read_text()) == results
    assert (tmp_path / 'new' / 'r.png').read_bytes().startswith(b'\x89PNG')
