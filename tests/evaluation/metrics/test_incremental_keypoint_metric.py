import json
import math

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData
from mmpose.evaluation.metrics import MpiiPCKAccuracy, PCKAccuracy
from mmpose.registry import METRICS
from mmpose.structures import PoseDataSample

from kpt_plugins.evaluation import IncrementalKeypointMetric

NAMES = ['nose', 'tail', 'hoof', 'horn']
STEPS = [['nose', 'tail'], ['hoof'], ['horn']]


def make_meta(step=1):
    names = [name for group in STEPS[: step + 1] for name in group]
    return dict(
        dataset_name='toy', keypoint_id2name=dict(enumerate(names)), keypoint_steps=STEPS, step=step
    )


def make_sample(pred, target, visible=None, box=(10, 20, 110, 70), head_size=None, **metainfo):
    """A data sample as a top-down model leaves it; ``pred`` and ``target`` are (K, 2)."""
    target = np.array(target, dtype=np.float32)[None]
    visible = np.ones(target.shape[:2]) if visible is None else np.array(visible)[None]
    truth = InstanceData(
        bboxes=np.array(box, dtype=np.float32)[None],
        keypoints=target,
        keypoints_visible=visible.astype(np.float32),
    )
    if head_size is not None:
        truth.head_size = np.array([[head_size]])
    sample = PoseDataSample(metainfo=dict(id=7, img_path='cow.jpg', **metainfo))
    sample.gt_instances = truth
    sample.pred_instances = InstanceData(keypoints=np.array(pred, dtype=np.float32)[None])
    return sample


def random_samples(num=12, count=3, seed=0, spread=8, **metainfo):
    """Samples whose last but one keypoint is hidden in half of them."""
    rng = np.random.default_rng(seed)
    samples = []
    for index in range(num):
        target = rng.uniform(0, 100, (count, 2))
        visible = np.ones(count)
        visible[-2] = index % 2
        box = np.array([0, 0, *rng.uniform(60, 140, 2)])
        pred = target + rng.normal(0, spread, (count, 2))
        samples.append(make_sample(pred, target, visible, box, rng.uniform(20, 40), **metainfo))
    return samples


def evaluate(metric, samples, meta=None):
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = make_meta() if meta is None else meta
    for start in range(0, len(samples), 5):
        evaluator.process(samples[start : start + 5])
    return evaluator.evaluate(len(samples))


def loop_values(samples, right):
    """Mean over the samples that show it of ``right(distance, sample)``, for each keypoint."""
    values = []
    for k in range(samples[0].gt_instances.keypoints.shape[1]):
        found = []
        for sample in samples:
            truth = sample.gt_instances
            if truth.keypoints_visible[0, k]:
                dx, dy = sample.pred_instances.keypoints[0, k] - truth.keypoints[0, k]
                found.append(right(math.hypot(dx, dy), sample))
        values.append(sum(found) / len(found))
    return values


def long_side(sample):
    x1, y1, x2, y2 = sample.gt_instances.bboxes[0]
    return max(x2 - x1, y2 - y1)


def check_scores(scores, values, label):
    """Step 1: the first two keypoints are old, the third is new."""
    assert scores['incremental/A'] == pytest.approx(sum(values) / 3)
    assert scores['incremental/old'] == pytest.approx(sum(values[:2]) / 2)
    assert scores['incremental/new'] == pytest.approx(values[2])
    for name, value in zip(NAMES[:3], values, strict=True):
        assert scores[f'incremental/{label}/{name}'] == pytest.approx(value)


def test_pck_against_loops_and_mmpose():
    samples = random_samples()
    scores = evaluate(IncrementalKeypointMetric(thr=0.1), samples)
    values = loop_values(samples, lambda d, s: 100 * (d < 0.1 * long_side(s)))
    assert 0 < min(values) and max(values) < 100
    check_scores(scores, values, 'PCK')
    stock = evaluate(PCKAccuracy(thr=0.1, prefix='stock'), samples)
    assert scores['incremental/A'] == pytest.approx(100 * stock['stock/PCK'])
    assert len(scores) == 6


def test_pckh_against_loops_and_mmpose():
    samples = random_samples(num=20, count=16)
    names = dict(enumerate(f'k{k}' for k in range(16)))
    metric = IncrementalKeypointMetric('pckh', thr=0.5, offset=1.0)
    scores = evaluate(metric, samples, dict(keypoint_id2name=names))
    stock = evaluate(MpiiPCKAccuracy(prefix='stock'), samples)
    assert scores['incremental/PCKh/k9'] == pytest.approx(stock['stock/Head PCK'])
    knees = (scores['incremental/PCKh/k1'] + scores['incremental/PCKh/k4']) / 2
    assert knees == pytest.approx(stock['stock/Knee PCK'])
    without = evaluate(IncrementalKeypointMetric('pckh', thr=0.5), random_samples())
    values = loop_values(
        random_samples(), lambda d, s: 100 * (d < 0.5 * s.gt_instances.head_size.item())
    )
    check_scores(without, values, 'PCKh')


def test_mre_in_pixels_and_mm():
    samples = random_samples()
    pixels = evaluate(IncrementalKeypointMetric('mre', sdr=(5, 10)), samples)
    check_scores(pixels, loop_values(samples, lambda d, s: d), 'MRE')
    rate = loop_values(samples, lambda d, s: 100 * (d < 10))
    assert pixels['incremental/SDR@10'] == pytest.approx(sum(rate) / 3)
    assert pixels['incremental/SDR@5'] < pixels['incremental/SDR@10']
    fixed = evaluate(IncrementalKeypointMetric('mre', spacing=0.25), samples)
    assert fixed['incremental/A'] == pytest.approx(pixels['incremental/A'] / 4)
    keys = {f'incremental/SDR@{t}' for t in ('2', '2.5', '3', '4')}
    assert keys <= set(fixed)


def test_spacing_of_every_image():
    samples = [
        *random_samples(5, spacing=0.1),
        *random_samples(5, seed=1, raw_ann_info=dict(spacing=0.125)),
    ]
    scores = evaluate(IncrementalKeypointMetric('mre', spacing='spacing'), samples)
    spacings = {id(s): 0.1 if k < 5 else 0.125 for k, s in enumerate(samples)}
    values = loop_values(samples, lambda d, s: d * spacings[id(s)])
    check_scores(scores, values, 'MRE')
    rate = loop_values(samples, lambda d, s: 100 * (d * spacings[id(s)] < 2.5))
    assert 0 < sum(rate) < 300
    assert scores['incremental/SDR@2.5'] == pytest.approx(sum(rate) / 3)


def test_borders_are_not_correct():
    # The longest side is 100: at a threshold of 0.1 a distance of 10 is no hit.
    sample = make_sample([[10, 0], [9.9, 0], [0, 10.1]], np.zeros((3, 2)))
    scores = evaluate(IncrementalKeypointMetric(thr=0.1), [sample])
    assert [scores[f'incremental/PCK/{name}'] for name in NAMES[:3]] == [0, 100, 0]


def test_not_finite_predictions_are_wrong():
    sample = make_sample([[np.nan, 0], [0, 0], [np.inf, 0]], np.zeros((3, 2)))
    assert evaluate(IncrementalKeypointMetric(), [sample])['incremental/A'] == pytest.approx(
        100 / 3
    )
    with pytest.raises(ValueError, match='cow.jpg, instance 7: .*not finite'):
        evaluate(IncrementalKeypointMetric('mre'), [sample])


def test_row_file(tmp_path):
    samples = [make_sample(np.zeros((3, 2)), np.zeros((3, 2)), [1, 0, 1]) for _ in range(3)]
    samples += [make_sample(np.full((3, 2), 50), np.zeros((3, 2)), [0, 0, 1])]
    path = tmp_path / 'run' / 'step1' / 'row.json'
    scores = evaluate(IncrementalKeypointMetric(thr=0.2, out_file=str(path)), samples)
    assert json.loads(path.read_text()) == dict(
        step=1,
        base='pck',
        thr=0.2,
        unit='%',
        names=['nose', 'tail', 'hoof'],
        new=['hoof'],
        values=dict(nose=100.0, tail=None, hoof=75.0),
        counts=dict(nose=3, tail=0, hoof=4),
        sdr={},
    )
    assert [p.name for p in path.parent.iterdir()] == ['row.json']
    assert math.isnan(scores['incremental/PCK/tail'])
    assert scores['incremental/A'] == 87.5 and scores['incremental/old'] == 100
    evaluate(IncrementalKeypointMetric('mre', spacing=0.1, out_file=str(path)), samples)
    row = json.loads(path.read_text())
    assert row['unit'] == 'mm' and row['thr'] is None and row['values']['nose'] == 0
    assert row['sdr'] == {'2': 87.5, '2.5': 87.5, '3': 87.5, '4': 87.5}


def test_unseen_keypoints_are_reported(monkeypatch):
    messages = []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'warning', messages.append)
    zeros = np.zeros((3, 2))
    evaluate(IncrementalKeypointMetric(), [make_sample(zeros, zeros, [1, 0, 1])])
    assert messages == ['no instance shows tail: left out of the means']


def test_base_step_and_plain_datasets_have_no_old(tmp_path):
    samples = random_samples(4, count=2)
    path = tmp_path / 'row.json'
    scores = evaluate(IncrementalKeypointMetric(out_file=str(path)), samples, make_meta(0))
    assert 'incremental/old' not in scores
    assert scores['incremental/new'] == scores['incremental/A']
    plain = dict(keypoint_id2name={1: 'tail', 0: 'nose'})
    assert evaluate(IncrementalKeypointMetric(out_file=str(path)), samples, plain) == scores
    row = json.loads(path.read_text())
    assert row['step'] == 0 and row['names'] == row['new'] == ['nose', 'tail']


def test_visibility_with_weights():
    sample = make_sample(np.full((3, 2), 50), np.zeros((3, 2)))
    sample.gt_instances.keypoints_visible = np.array([[[0, 1], [1, 0], [1, 1]]], dtype=np.float32)
    scores = evaluate(IncrementalKeypointMetric('mre'), [sample])
    assert math.isnan(scores['incremental/MRE/nose'])
    assert scores['incremental/MRE/tail'] == pytest.approx(50 * math.sqrt(2))


def test_built_from_the_registry():
    metric = METRICS.build(dict(type='IncrementalKeypointMetric', base='mre', prefix='test'))
    assert metric.prefix == 'test' and metric.unit == 'px'


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(base='oks'), "base='oks': expected one of pck, pckh, mre"),
        (dict(thr=0), 'thr=0: expected a positive number'),
        (dict(thr=None), 'thr=None'),
        (dict(base='mre', spacing=-0.1), 'spacing=-0.1'),
        (dict(spacing=0.1), "spacing=0.1: only for base='mre', got base='pck'"),
        (dict(base='mre', sdr=(2, -1)), r'sdr=\(2, -1\)'),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        IncrementalKeypointMetric(**arguments)


@pytest.mark.parametrize(
    ('metric', 'sample', 'message'),
    [
        (dict(base='pckh'), dict(), 'cow.jpg, instance 7: there is no head_size'),
        (dict(base='pckh'), dict(head_size=0.0), 'head_size is 0.0'),
        (dict(base='mre', spacing='spacing'), dict(), "cow.jpg, instance 7: there is no 'spacing'"),
        (
            dict(base='mre', spacing='spacing'),
            dict(raw_ann_info=dict(spacing='0.1')),
            "spacing is '0.1', expected mm a pixel",
        ),
        (dict(base='pck'), dict(box=(5, 5, 5, 5)), 'no positive side'),
        (dict(base='pck'), dict(visible=[0, 0, 0]), 'none of the 1 instances shows a keypoint'),
    ],
)
def test_samples_that_lack_something(metric, sample, message):
    zeros = np.zeros((3, 2))
    with pytest.raises(ValueError, match=message):
        evaluate(IncrementalKeypointMetric(**metric), [make_sample(zeros, zeros, **sample)])


def test_numbers_of_keypoints_that_differ():
    sample = make_sample(np.zeros((4, 2)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match='the model predicts 4 keypoints, the dataset has 3'):
        evaluate(IncrementalKeypointMetric(), [sample])
    sample = make_sample(np.zeros((4, 2)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match='names 3 keypoints, its records have 4'):
        evaluate(IncrementalKeypointMetric(), [sample])
    with pytest.raises(ValueError, match='no keypoint_id2name'):
        evaluate(IncrementalKeypointMetric(), [sample], dict(classes=('cow',)))
    with pytest.raises(ValueError, match='no instance was evaluated'):
        evaluate(IncrementalKeypointMetric(), [])
