import json
from dataclasses import replace

import numpy as np
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


@pytest.mark.parametrize('dumped', [None, 'any', 'all'])
@pytest.mark.parametrize('asked', [None, 'any', 'all'])
def test_the_rule_is_that_of_the_command_else_of_the_dump(tmp_path, dumped, asked):
    sample = make_sample(0, num_keypoints=4, num_shots=2).to_dict()
    record = replace(pair_record(sample), given_count=np.array([1, 2, 2, 2]))
    record = replace(record, query_visible=np.ones(4, bool))
    wrong = record.target + np.array([[1e3, 0], [0, 0], [0, 0], [0, 0]])
    save_pairs(tmp_path / 'a.npz', {'model': [record.with_prediction(wrong)]}, dumped)
    out = tmp_path / 'scores.json'
    arguments = [str(tmp_path / 'a.npz'), '--out', str(out)]
    load_tool('analysis/rescore').main(arguments + (['--given', asked] if asked else []))
    # the one wrong keypoint is the one that only one of the two supports shows
    expected = 1.0 if (asked or dumped) == 'all' else 0.75
    assert json.loads(out.read_text())['model']['mPCK'] == pytest.approx(expected)


def test_missing_dump(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.npz'):
        load_tool('analysis/rescore').main([str(tmp_path / 'gone.npz')])
