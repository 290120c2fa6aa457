"""Episodes of random content, as the config's pipelines make them."""

import numpy as np
import pytest

from kpt_plugins.apis.model_loading import build_dataset, build_model, predict_items
from kpt_plugins.apis.random_episode import random_episode
from kpt_plugins.apis.run_config import load_config
from tests.apis.test_model_loading import TINY


@pytest.fixture
def cfg(tiny_mp100, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))
    return load_config(TINY)


@pytest.mark.parametrize('num_shots', [1, 5])
def test_it_runs_through_the_model(cfg, num_shots):
    item = random_episode(cfg, num_shots, num_keypoints=7)
    assert item['inputs'].shape == (num_shots + 1, 3, 64, 64)
    (sample,) = predict_items(build_model(cfg), [item])
    assert sample.pred_instances.keypoints.shape == (1, 7, 2)


def test_it_has_the_form_of_a_real_one(cfg):
    real = build_dataset(cfg, 'test')[0]
    item = random_episode(cfg)
    assert item['inputs'].shape == real['inputs'].shape
    assert item['inputs'].dtype == real['inputs'].dtype
    episode, expected = item['data_samples'].episode, real['data_samples'].episode
    assert set(episode.keys()) == set(expected.keys())
    for key in expected.keys():
        one, other = getattr(episode, key), getattr(expected, key)
        assert one.shape == other.shape and one.dtype == other.dtype
    assert item['data_samples'].metainfo.keys() >= {'num_keypoints', 'crop_to_image', 'input_size'}


def test_keypoints_are_all_visible_and_linked(cfg):
    sample = random_episode(cfg, 2, num_keypoints=6)['data_samples']
    assert sample.episode.visible[:, :6].all()
    assert len(sample.skeleton) == 5 and len(np.unique(sample.skeleton)) == 6
    # pixels of the query are its crop's: fractions times the size
    np.testing.assert_allclose(
        sample.gt_instances.keypoints[0], sample.episode.points[-1, :6] * 64, rtol=1e-5
    )


def test_the_seed_decides(cfg):
    first, again, other = (random_episode(cfg, seed=seed)['inputs'] for seed in (3, 3, 4))
    assert (first == again).all() and (first != other).any()


def test_configs_that_it_cannot_follow(cfg):
    cfg.test_dataloader.dataset.dataset.pipeline = []
    with pytest.raises(ValueError, match='size of a TopdownAffine'):
        random_episode(cfg)
    cfg.test_dataloader.dataset.type = 'Other'
    with pytest.raises(ValueError, match='EpisodeDataset'):
        random_episode(cfg)
