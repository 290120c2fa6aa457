import json

import pytest

from kpt_plugins.evaluation import pair_record, save_pairs
from tests.evaluation.pair_samples import make_sample
from tests.tools.tool import load_tool


@pytest.fixture
def dump(tmp_path):
    pairs = [pair_record(make_sample(i, num_shots=2).to_dict()) for i in range(4)]
    save_pairs(tmp_path / 'pairs.npz', {'model': pairs})
    return tmp_path / 'pairs.npz'


def test_prints_and_writes(dump, tmp_path, capsys):
    out = tmp_path / 'scores.json'
    arguments = ['--thresholds', '0.1', '0.3', '--per-category', '--out', str(out)]
    load_tool('analysis/rescore').main([str(dump), *arguments])
    printed = capsys.readouterr().out
    assert 'PCK@0.3' in printed and 'PCK@0.05' not in printed
    assert '3 category 3' in printed
    scores = json.loads(out.read_text())['model']
    assert scores['thresholds'] == [0.1, 0.3]
    assert scores['mPCK'] == pytest.approx((scores['PCK@0.1'] + scores['PCK@0.3']) / 2)


def test_missing_dump(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.npz'):
        load_tool('analysis/rescore').main([str(tmp_path / 'gone.npz')])
