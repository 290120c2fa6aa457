import logging

import pytest
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger

from kpt_plugins.evaluation import EpisodeKeypointMetric, pair_record, score_pairs

from ..pair_samples import make_sample


def make_samples(num=9):
    return [make_sample(i, num_keypoints=3 + i % 3, category_id=1 + i % 2) for i in range(num)]


def evaluate(metric, samples, size, batch_size=4):
    evaluator = Evaluator(metric)
    for start in range(0, len(samples), batch_size):
        evaluator.process(samples[start : start + batch_size])
    return evaluator.evaluate(size)


def test_names_and_values():
    samples = make_samples()
    metric = EpisodeKeypointMetric(thresholds=(0.1, 0.2))
    result = evaluate(metric, samples, len(samples))
    scores = score_pairs([pair_record(s.to_dict()) for s in samples], (0.1, 0.2))
    assert result == {f'model/{name}': value for name, value in scores.overall.items()}
    assert {'model/PCK@0.1', 'model/PCK@0.2', 'model/mPCK', 'model/AUC'} <= set(result)
    assert all(isinstance(value, float) for value in result.values())
    assert metric.scores.per_category == scores.per_category


def test_repeated_pairs_change_nothing():
    samples = make_samples()
    expected = evaluate(EpisodeKeypointMetric(), samples, 9)
    # Two ranks of five, each a contiguous half: MMEngine's cut to 9 would drop a real pair.
    padded = samples[:5] + [samples[0]] + samples[5:] + [samples[8]]
    assert evaluate(EpisodeKeypointMetric(), padded[::-1], 9) == expected


def test_missing_pairs_are_reported(monkeypatch):
    messages = []
    logger = MMLogger.get_current_instance()
    monkeypatch.setattr(logger, 'warning', messages.append)
    evaluate(EpisodeKeypointMetric(), make_samples(4), 5)
    assert len(messages) == 1 and '4 of 5 pairs' in messages[0]


def test_log_has_thresholds_and_categories(monkeypatch):
    messages = []
    logger = MMLogger.get_current_instance()
    monkeypatch.setattr(logger, 'info', messages.append)
    evaluate(EpisodeKeypointMetric(thresholds=(0.1, 0.25)), make_samples(), 9)
    text = '\n'.join(messages)
    assert 'mPCK is the mean of PCK at 0.1, 0.25' in text
    assert '1 category 1' in text and '2 category 2' in text
    assert logger.level <= logging.INFO


def test_second_evaluation_starts_empty():
    metric = EpisodeKeypointMetric()
    first = evaluate(metric, make_samples(), 9)
    assert evaluate(metric, make_samples(), 9) == first


def test_errors():
    with pytest.raises(ValueError, match='thresholds'):
        EpisodeKeypointMetric(thresholds=[])
    with pytest.raises(ValueError, match="got 'most'"):
        EpisodeKeypointMetric(given='most')
    with pytest.raises(KeyError, match='gt_instances'):
        EpisodeKeypointMetric().process(None, [{'pair_index': 0}])
