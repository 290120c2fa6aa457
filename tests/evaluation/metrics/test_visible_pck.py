import math

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.evaluation.metrics import PCKAccuracy
from mmpose.registry import METRICS
from mmpose.structures import PoseDataSample

from kpt_plugins.evaluation import VisiblePCKMetric
from kpt_plugins.evaluation.functional import visibility_scores

META = dict(
    dataset_name='toy', CLASSES=[dict(id=1, name='car'), dict(id=2, name='bus')], num_keypoints=4
)
SCORES = {f'PCK_{k}{m}' for k in ('visible', 'occluded') for m in ('', '_micro')}
SCORES |= {'AUROC', 'num_visible', 'num_occluded'}


def make_sample(index, count=4, occluded=True, box=(10, 20, 110, 70), **metainfo):
    """A data sample as a top-down model leaves it, everything drawn from its index."""
    rng = np.random.default_rng(index)
    target = rng.uniform(0, 100, (1, count, 2))
    sample = PoseDataSample(metainfo=dict(id=index, img_path=f'{index}.jpg', **metainfo))
    if occluded:
        sample.set_metainfo(dict(keypoints_occluded=rng.uniform(size=(1, count)) < 0.4))
    sample.gt_instances = InstanceData(
        bboxes=np.array([box], dtype=np.float32),
        keypoints=target.astype(np.float32),
        keypoints_visible=(rng.uniform(size=(1, count)) < 0.8).astype(np.float32),
    )
    sample.pred_instances = InstanceData(
        keypoints=(target + rng.normal(0, 8, target.shape)).astype(np.float32),
        keypoint_scores=rng.uniform(size=(1, count)).astype(np.float32),
    )
    return sample


def make_samples(num=16, **kwargs):
    return [make_sample(index, **kwargs) for index in range(num)]


def evaluate(metric, samples, meta=META):
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = meta
    for start in range(0, len(samples), 5):
        evaluator.process(samples[start : start + 5])
    return evaluator.evaluate(len(samples))


def expected_scores(samples, thr=0.1):
    """As the function gives them, errors by loops."""
    errors, annotated, occluded, scores = [], [], [], []
    for sample in samples:
        truth, pred = sample.gt_instances, sample.pred_instances
        x1, y1, x2, y2 = truth.bboxes[0].tolist()
        longer = max(x2 - x1, y2 - y1)
        pairs = zip(pred.keypoints[0].tolist(), truth.keypoints[0].tolist(), strict=True)
        errors.append([math.hypot(x - u, y - v) / longer for (x, y), (u, v) in pairs])
        annotated.append(truth.keypoints_visible[0] > 0)
        occluded.append(sample.metainfo['keypoints_occluded'][0])
        scores.append(pred.keypoint_scores[0])
    return visibility_scores(*map(np.array, (errors, annotated, occluded, scores)), thr)


def test_scores_of_all_instances():
    samples = make_samples()
    metric = VisiblePCKMetric()
    scores = evaluate(metric, samples)
    expected = expected_scores(samples)
    assert set(expected) == SCORES
    assert scores == pytest.approx({f'occlusion/{k}': v for k, v in expected.items()})
    assert metric.records.errors.shape == (16, 4) and metric.records.groups == {}


def test_equals_the_stock_metric_on_clean_images():
    samples = make_samples(occluded=False)
    ours = evaluate(VisiblePCKMetric(thr=0.08, prefix='x'), samples)
    stock = evaluate(PCKAccuracy(thr=0.08), samples)
    assert ours['x/PCK_visible'] == pytest.approx(100 * stock['PCK'])
    assert 20 < ours['x/PCK_visible'] < 80 and math.isnan(ours['x/AUROC'])


def test_groups():
    samples = []
    for index in range(24):
        groups = dict(category_id=np.array(1 + index % 2), occlusion_level=index % 3)
        samples.append(make_sample(index, azimuth_bin=np.int64(index // 8), **groups))
    scores = evaluate(VisiblePCKMetric(), samples)
    for name, values, of in (
        ('category', ('car', 'bus'), lambda i: i % 2),
        ('occlusion_level', ('0', '1', '2'), lambda i: i % 3),
        ('azimuth_bin', ('0', '1', '2'), lambda i: i // 8),
    ):
        for score in ('PCK_visible', 'PCK_visible_micro', 'PCK_occluded', 'AUROC'):
            parts = []
            for number, value in enumerate(values):
                part = [s for i, s in enumerate(samples) if of(i) == number]
                parts.append(expected_scores(part)[score])
                assert scores[f'occlusion/{name}={value}/{score}'] == pytest.approx(parts[-1])
            assert scores[f'occlusion/{name}/{score}'] == pytest.approx(np.mean(parts))


def test_unknown_azimuths_are_a_group_that_no_mean_has():
    samples = [make_sample(i, azimuth_bin=i // 8 - 1) for i in range(24)]
    scores = evaluate(VisiblePCKMetric(), samples)
    score = 'PCK_visible'
    unknown, *known = (expected_scores(samples[8 * k : 8 * k + 8])[score] for k in range(3))
    assert scores[f'occlusion/azimuth_bin=unknown/{score}'] == pytest.approx(unknown)
    assert scores[f'occlusion/azimuth_bin/{score}'] == pytest.approx(np.mean(known))


def test_only_the_groups_asked_for_and_there():
    samples = [make_sample(i, category_id=7, occlusion_level=1) for i in range(8)]
    names = set(evaluate(VisiblePCKMetric(by=['category', 'azimuth_bin']), samples))
    groups = {name.split('/')[1] for name in names if name.count('/') == 2}
    assert groups == {'category=7', 'category'}


def test_categories_of_different_keypoints():
    samples = [make_sample(i, count=3 + i % 2, category_id=1 + i % 2) for i in range(16)]
    metric = VisiblePCKMetric(by=['category'])
    scores = evaluate(metric, samples)
    for name, part in (('car', samples[::2]), ('bus', samples[1::2])):
        expected = expected_scores(part)['PCK_visible']
        assert scores[f'occlusion/category={name}/PCK_visible'] == pytest.approx(expected)
    assert metric.records.annotated.shape == (16, 4)
    assert not metric.records.annotated[::2, 3].any()


def test_head_size():
    samples = make_samples()
    for sample in samples:
        sample.gt_instances.head_size = np.array([[20.0]])
    scores = evaluate(VisiblePCKMetric(thr=0.5, norm='head_size'), samples)
    # Ten pixels, as with a tenth of the box of 100.
    assert scores['occlusion/PCK_visible'] == pytest.approx(expected_scores(samples)['PCK_visible'])
    with pytest.raises(ValueError, match='0.jpg, instance 0: there is no head_size'):
        evaluate(VisiblePCKMetric(norm='head_size'), make_samples())
    samples[2].gt_instances.head_size = np.array([[0.0]])
    with pytest.raises(ValueError, match='2.jpg.*head_size is 0.0'):
        evaluate(VisiblePCKMetric(norm='head_size'), samples)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(thr=0), 'thr=0: expected a positive'),
        (dict(thr=math.nan), 'thr=nan'),
        (dict(thr=True), 'thr=True'),
        (dict(norm='torso'), "norm='torso': expected 'bbox' or"),
        (dict(by='category'), "by='category': expected a list"),
    ],
)
def test_wrong_arguments(options, words):
    with pytest.raises(ValueError, match=words):
        METRICS.build(dict(type='VisiblePCKMetric', **options))


def test_samples_that_do_not_fit():
    metric = VisiblePCKMetric()
    few = make_sample(0)
    few.pred_instances = InstanceData(keypoints=np.zeros((1, 3, 2)))
    with pytest.raises(ValueError, match='0.jpg.*predicts 3 keypoints, the dataset has 4'):
        evaluate(metric, [few])
    blind = make_sample(0)
    blind.pred_instances = InstanceData(keypoints=np.zeros((1, 4, 2)))
    with pytest.raises(ValueError, match='no keypoint_scores'):
        evaluate(metric, [blind])
    nan = make_sample(0)
    nan.pred_instances.keypoint_scores = np.full((1, 4), np.nan)
    with pytest.raises(ValueError, match='0.jpg.*score that is NaN'):
        evaluate(metric, [nan])
    marks = make_sample(0, occluded=False, keypoints_occluded=np.zeros((1, 5), bool))
    with pytest.raises(ValueError, match=r'keypoints_occluded is \(1, 5\), expected \(1, 4\)'):
        evaluate(metric, [marks])
    forgotten = make_sample(0, occluded=False, occlusion_level=2)
    with pytest.raises(ValueError, match='occlusion_level is 2 but there is no keypoints_occluded'):
        evaluate(metric, [forgotten])
    with pytest.raises(ValueError, match="by='azimuth_bin': only some"):
        evaluate(VisiblePCKMetric(), [make_sample(0), make_sample(1, azimuth_bin=2)])
    with pytest.raises(ValueError, match='no instance was evaluated'):
        VisiblePCKMetric().compute_metrics([])
