import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from kpt_plugins.evaluation import MeanPoseMetric, WeakShotKeypointMetric
from kpt_plugins.evaluation.metrics.weak_shot_keypoint_metric import prompt_record


def sample(index, category, role, is_base=False, labelled=True, noise=0.0):
    """Four prompts that are three keypoints in another order and a spare one."""
    rng = np.random.default_rng(index)
    keypoints = rng.uniform(40, 90, (1, 3, 2)).astype(np.float32)
    data_sample = PoseDataSample(
        metainfo=dict(
            index=index,
            category_id=category,
            category_name=f'thing {category}',
            is_base=is_base,
            role=role,
            input_size=(50, 50),
            crop_to_image=np.array([[2.0, 0, 20], [0, 2.0, 10]]),
        )
    )
    data_sample.gt_instances = InstanceData(bboxes=np.array([[20, 10, 100, 110]], np.float32))
    if labelled:
        data_sample.gt_instances.keypoints = keypoints
        data_sample.gt_instances.keypoints_visible = np.ones((1, 3), np.float32)
    points = np.concatenate([keypoints[:, ::-1], [[[30, 30]]]], axis=1)
    data_sample.pred_instances = InstanceData(
        keypoints=points + rng.normal(0, 1, points.shape) * noise,
        keypoint_scores=torch.full((1, 4), 0.5),
    )
    return data_sample.to_dict()


def samples(noise=3.0):
    rows = []
    for category, is_base in ((4, True), (9, False), (11, False)):
        for number in range(12):
            role = 'fit' if number < 8 else 'test'
            rows.append(sample(100 * category + number, category, role, is_base, noise=noise))
    return rows


def evaluate(metric, rows):
    metric.process({}, rows)
    return metric.evaluate(len(rows))


def test_record_in_the_crop():
    row = prompt_record(sample(3, 4, 'test'))
    np.testing.assert_allclose(row.in_crop(np.array([[20.0, 10], [120, 110]])), [[0, 0], [1, 1]])
    assert row.points.shape == (4, 2) and row.scores.shape == (4,)
    assert row.area == 8000


def test_novel_and_base_apart():
    scores = evaluate(WeakShotKeypointMetric(), samples(noise=0))
    names = ('mAP', 'mPCK', 'PCK@0.05', 'PCK@0.1', 'PCK@0.15', 'PCK@0.2', 'L2_px256', 'L2_pct')
    counts = ('num_images', 'num_categories')
    assert set(scores) == {f'{kind}/{k}' for kind in ('novel', 'base') for k in names + counts}
    assert scores['novel/mAP'] == scores['base/mPCK'] == 1
    assert (scores['novel/num_images'], scores['novel/num_categories']) == (8, 2)
    assert (scores['base/num_images'], scores['base/num_categories']) == (4, 1)


def test_mean_over_categories_and_table():
    rows = samples(0) + [sample(5000 + i, 30, 'test', noise=60) for i in range(30)]
    metric = WeakShotKeypointMetric()
    scores = evaluate(metric, rows)
    assert set(metric.per_category) == {4, 9, 11, 30}
    each = [metric.per_category[c]['mPCK'] for c in (9, 11, 30)]
    assert each[0] == 1 and each[2] < 0.5
    assert scores['novel/mPCK'] == pytest.approx(np.mean(each))


def test_order_and_repetition_do_not_matter():
    rows = samples()
    expected = evaluate(WeakShotKeypointMetric(), rows)
    order = np.random.default_rng(0).permutation(len(rows))
    assert evaluate(WeakShotKeypointMetric(), [rows[i] for i in order] + rows[:5]) == expected


def test_mean_pose_has_a_prefix_and_is_worse():
    model = evaluate(WeakShotKeypointMetric(), samples(noise=0))
    baseline = evaluate(MeanPoseMetric(), samples(noise=0))
    assert set(baseline) == {f'mean_pose/{key}' for key in model}
    assert baseline['mean_pose/novel/mPCK'] < model['novel/mPCK']


def test_images_without_labels_are_left_out():
    blind = [sample(7000 + i, 50, 'test', labelled=False) for i in range(3)]
    scores = evaluate(WeakShotKeypointMetric(), samples(0) + blind)
    assert scores == evaluate(WeakShotKeypointMetric(), samples(0))
    with pytest.raises(ValueError, match='none of 3 images of 1 categories'):
        evaluate(WeakShotKeypointMetric(), blind)


def test_options_reach_the_protocol():
    metric = WeakShotKeypointMetric(
        'image', 'pinv', 'matched', 0.1, (0.1, 0.3), {'9': 0.2}, prefix='x'
    )
    scores = evaluate(metric, samples())
    assert 'x/novel/PCK@0.3' in scores and 'x/novel/PCK@0.05' not in scores
    assert metric.protocol.sigmas == {9: 0.2}
    with pytest.raises(ValueError, match='match='):
        WeakShotKeypointMetric(match='nobody')
