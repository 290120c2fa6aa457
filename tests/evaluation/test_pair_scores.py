import math
from dataclasses import replace

import numpy as np
import pytest

from kpt_plugins.evaluation import pair_record, score_pairs, unique_pairs

from .pair_samples import make_sample


def make_records(num=12, **kwargs):
    return [
        pair_record(make_sample(i, num_keypoints=3 + i % 4, category_id=i % 2, **kwargs).to_dict())
        for i in range(num)
    ]


def slow_pck(record, threshold):
    longest = max(record.bbox[2] - record.bbox[0], record.bbox[3] - record.bbox[1])
    hits = []
    for k in range(len(record.pred)):
        if record.query_visible[k] and record.given_count[k] == record.num_shots:
            distance = math.dist(record.pred[k], record.target[k])
            hits.append(distance / longest < threshold)
    return sum(hits) / len(hits) if hits else 0.0


def test_against_loops():
    records = make_records(num_shots=2)
    scores = score_pairs(records, (0.05, 0.1), given='all')
    for t in (0.05, 0.1):
        values = [slow_pck(record, t) for record in records]
        assert scores.overall[f'PCK@{t:g}'] == pytest.approx(sum(values) / len(values), abs=1e-15)
        odd = values[1::2]
        assert scores.per_category[1][f'PCK@{t:g}'] == pytest.approx(sum(odd) / len(odd))
    mean = (scores.overall['PCK@0.05'] + scores.overall['PCK@0.1']) / 2
    assert scores.overall['mPCK'] == pytest.approx(mean)
    assert scores.overall['num_pairs'] == 12


def test_mean_over_pairs_not_keypoints():
    many = pair_record(make_sample(0, 9, noise=0, query_visible=[1] * 9).to_dict())
    few = pair_record(make_sample(1, 2, noise=1e4, query_visible=[1] * 2).to_dict())
    few, many = (replace(r, given_count=np.ones_like(r.given_count)) for r in (few, many))
    assert score_pairs([many, few]).overall['mPCK'] == 0.5


def test_empty_pair_counts_as_zero():
    seen = pair_record(make_sample(0, noise=0, support_visible=[1] * 5).to_dict())
    seen = replace(seen, query_visible=np.ones(5, dtype=bool))
    empty = replace(seen, pair_index=1, query_visible=np.zeros(5, dtype=bool))
    scores = score_pairs([seen, empty])
    assert scores.overall['mPCK'] == 0.5
    assert scores.overall['num_empty_pairs'] == 1


def test_nme_and_epe():
    record = pair_record(make_sample(0, support_visible=[1] * 5).to_dict())
    record = replace(record, query_visible=np.ones(5, dtype=bool), pred=record.target + [3.0, 4.0])
    scores = score_pairs([record]).overall
    assert scores['EPE'] == pytest.approx(5)
    assert scores['NME'] == pytest.approx(5 / 160)


def test_categories_of_one_name_stay_apart():
    records = [replace(record, category_name='face') for record in make_records()]
    scores = score_pairs(records)
    assert sorted(scores.per_category) == [0, 1]
    assert scores.category_names == {0: 'face', 1: 'face'}


def test_confidence_auroc():
    records = make_records(noise=20.0)
    length = 160
    informed = [
        replace(r, scores=-np.linalg.norm(r.pred - r.target, axis=1) / length) for r in records
    ]
    assert score_pairs(informed).overall['confidence_auroc@0.1'] == 1
    constant = [replace(r, scores=np.ones(len(r.pred))) for r in records]
    assert score_pairs(constant).overall['confidence_auroc@0.1'] == 0.5
    without = [r.with_prediction(r.pred) for r in records]
    assert 'confidence_auroc@0.1' not in score_pairs(without).overall


def test_unique_pairs_sorts_and_drops_repetitions():
    records = make_records(4)
    mixed = [records[2], records[0], records[2], records[3], records[1], records[0]]
    assert [r.pair_index for r in unique_pairs(mixed)] == [0, 1, 2, 3]


def test_same_query_in_two_episodes_is_kept():
    first, second = make_records(2)
    second = replace(second, annotation_id=first.annotation_id)
    assert len(unique_pairs([first, second])) == 2


@pytest.mark.parametrize('thresholds', [(), (0.1, 0.1), (0.0, 0.1), (-0.1,), (np.nan,)])
def test_impossible_thresholds(thresholds):
    with pytest.raises(ValueError, match='thresholds must be'):
        score_pairs(make_records(1), thresholds)


def test_no_pair():
    with pytest.raises(ValueError, match='no pair'):
        score_pairs([])
