import pytest

from kpt_plugins.evaluation import format_per_category, format_scores, pair_record, score_pairs

from .pair_samples import make_sample

SCORES = {
    'PCK@0.1': 0.5,
    'PCK@0.25': 0.98765,
    'mPCK': 0.75,
    'AUC': 0.6,
    'NME': 0.1234,
    'EPE': 12.34,
    'num_pairs': 30.0,
    'num_empty_pairs': 2.0,
}


def test_a_line_for_each_row():
    text = format_scores([('model', SCORES), ('copy_baseline', SCORES)], (0.1, 0.25))
    head, rule, model, copied, note = text.splitlines()
    assert head.split() == [
        'PCK@0.1', 'PCK@0.25', 'mPCK', 'AUC', 'NME', 'EPE', 'pairs', 'empty',
    ]  # fmt: skip
    values = ['50.00', '98.77', '75.00', '60.00', '12.34', '12.3', '30', '2']
    assert model.split() == ['model', *values] and copied.split() == ['copy_baseline', *values]
    assert len({len(head), len(rule), len(model), len(copied)}) == 1 and set(rule) == {'-'}
    assert note.startswith('mPCK is the mean of PCK at 0.1, 0.25;')
    assert not text.endswith('\n')


def test_undefined_scores_are_nan():
    row = format_scores([('model', {**SCORES, 'EPE': float('nan')})], (0.1,)).splitlines()[2]
    assert row.split()[5] == 'nan'


def test_every_category_and_all_pairs():
    pairs = [pair_record(make_sample(i, category_id=i % 2).to_dict()) for i in range(4)]
    scores = score_pairs(pairs, (0.1, 0.3))
    lines = format_per_category(scores).splitlines()
    names = [line.split('  ')[0] for line in lines[2:-1]]
    assert names == ['0 category 0', '1 category 1', 'all pairs']
    for line, expected in zip(
        lines[2:-1], [*scores.per_category.values(), scores.overall], strict=True
    ):
        assert float(line.split()[-6]) == pytest.approx(100 * expected['mPCK'], abs=0.01)
