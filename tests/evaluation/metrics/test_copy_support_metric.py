import numpy as np
import pytest
from mmengine.evaluator import Evaluator

from kpt_plugins.evaluation import CopySupportMetric, EpisodeKeypointMetric, copied_support

from ..pair_samples import make_sample


def test_scores_the_copied_points_not_the_model():
    samples = [make_sample(i, query_visible=[1] * 5, support_visible=[1] * 5) for i in range(4)]
    for sample in samples[:3]:
        # A query whose points lie where the support's do in the crop.
        sample.gt_instances.keypoints = copied_support(sample.to_dict())[None]
    samples[3].gt_instances.keypoints = np.full((1, 5, 2), 1e5)
    evaluator = Evaluator([CopySupportMetric(), EpisodeKeypointMetric()])
    evaluator.process(samples)
    result = evaluator.evaluate(4)
    assert result['copy_baseline/mPCK'] == 0.75
    assert result['model/mPCK'] < 0.75
    assert 'copy_baseline/confidence_auroc@0.1' not in result


def test_hidden_support_keypoints_are_not_scored():
    sample = make_sample(0, query_visible=[1] * 5, support_visible=[0] * 5)
    evaluator = Evaluator(CopySupportMetric())
    evaluator.process([sample])
    result = evaluator.evaluate(1)
    assert result['copy_baseline/num_empty_pairs'] == 1
    assert result['copy_baseline/mPCK'] == pytest.approx(0)
