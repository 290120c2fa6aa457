import pytest
from mmengine.evaluator import Evaluator

from kpt_plugins.evaluation import (
    CopySupportMetric,
    EpisodeDump,
    EpisodeKeypointMetric,
    load_pairs,
    score_pairs,
)
from kpt_plugins.evaluation.pair_dump import load_given

from ..pair_samples import make_sample


def test_dump_scores_like_the_metrics(tmp_path):
    path = tmp_path / 'pairs.npz'
    metrics = [EpisodeKeypointMetric(), CopySupportMetric(), EpisodeDump(str(path))]
    evaluator = Evaluator(metrics)
    evaluator.process([make_sample(i) for i in (2, 0, 1, 2)])
    result = evaluator.evaluate(3)
    assert not [name for name in result if name.startswith('dump')]
    for method, pairs in load_pairs(path).items():
        for name, value in score_pairs(pairs).overall.items():
            assert result[f'{method}/{name}'] == value


def test_the_rule_is_in_the_file(tmp_path):
    metric = EpisodeDump(str(tmp_path / 'pairs.npz'), given='all')
    metric.process({}, [make_sample(0).to_dict()])
    metric.evaluate(1)
    assert load_given(tmp_path / 'pairs.npz') == 'all'
    with pytest.raises(ValueError, match="given must be one of .*, got 'most'"):
        EpisodeDump('pairs.npz', given='most')


def test_suffix():
    with pytest.raises(ValueError, match='npz'):
        EpisodeDump('predictions.pkl')
