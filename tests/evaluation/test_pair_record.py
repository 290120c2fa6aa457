import numpy as np
import pytest
import torch

from kpt_plugins.evaluation import copied_support, pair_record

from .pair_samples import CROP_TO_IMAGE, make_sample


def test_padding_is_cut_and_supports_are_counted():
    shown = [[1, 1, 0, 0, 1], [1, 0, 0, 1, 1]]
    record = pair_record(make_sample(4, num_shots=2, support_visible=shown).to_dict())
    assert record.pair_index == 4
    assert record.num_shots == 2
    assert record.given_count.tolist() == [2, 1, 0, 1, 2]
    assert record.pred.shape == record.target.shape == (5, 2)
    assert record.query_visible.dtype == bool


def test_mask_combines_query_and_supports():
    sample = make_sample(
        0, num_shots=2, query_visible=[1, 0, 1, 1, 1], support_visible=[[1, 1, 0, 0, 1]] * 2
    )
    sample.episode.visible[0, 4] = False
    record = pair_record(sample.to_dict())
    assert record.mask('any').tolist() == [True, False, False, False, True]
    assert record.mask('all').tolist() == [True, False, False, False, False]


def test_scores_are_optional():
    sample = make_sample(0)
    del sample.pred_instances.keypoint_scores
    assert np.isnan(pair_record(sample.to_dict()).scores).all()


@pytest.mark.parametrize(
    'path', ['pair_index', 'gt_instances', 'pred_instances.keypoints', 'episode.visible']
)
def test_missing_field_is_named(path):
    sample = make_sample(0).to_dict()
    outer, _, inner = path.partition('.')
    del (sample[outer] if inner else sample)[inner or outer]
    with pytest.raises(KeyError, match=path):
        pair_record(sample)


def test_wrong_number_of_keypoints():
    sample = make_sample(0).to_dict()
    sample['pred_instances']['keypoints'] = np.zeros((1, 4, 2))
    with pytest.raises(ValueError, match='has 5 keypoints, but 4 were predicted'):
        pair_record(sample)


def test_copied_support_against_loops():
    shown = np.array([[1, 1, 0, 0, 1], [1, 0, 0, 1, 1], [0, 0, 0, 1, 1]], dtype=bool)
    sample = make_sample(2, num_shots=3, support_visible=shown).to_dict()
    points = sample['episode']['points'].double().numpy()
    for k, copied in enumerate(copied_support(sample)):
        seen = [points[s, k] for s in range(3) if shown[s, k]]
        crop = sum(seen) / len(seen) * 128 if seen else np.array([64.0, 64.0])
        expected = CROP_TO_IMAGE[:, :2] @ crop + CROP_TO_IMAGE[:, 2]
        np.testing.assert_allclose(copied, expected, atol=1e-9)


def test_copied_support_ignores_hidden_points_even_if_nan():
    sample = make_sample(0, support_visible=[1, 1, 0, 1, 1]).to_dict()
    sample['episode']['points'][0, 2] = torch.nan
    assert np.isfinite(copied_support(sample)).all()


def test_copied_support_needs_the_crop():
    sample = make_sample(0).to_dict()
    del sample['crop_to_image']
    with pytest.raises(KeyError, match='crop_to_image'):
        copied_support(sample)
