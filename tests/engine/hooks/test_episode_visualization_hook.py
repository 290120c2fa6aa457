from types import SimpleNamespace

import cv2
import pytest

from kpt_plugins.apis.random_episode import random_episode
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.engine import EpisodeVisualizationHook
from tests.apis.test_model_loading import TINY


def run(hook, length):
    runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=range(length)))
    item = random_episode(load_config(TINY))
    hook.before_test_epoch(runner)
    for start in range(0, length, 3):
        samples = [item['data_samples'].clone() for _ in range(min(3, length - start))]
        for index, sample in enumerate(samples, start=start):
            sample.set_metainfo(dict(pair_index=index, category_name='a/b c'))
        batch = dict(inputs=[item['inputs']] * len(samples))
        hook.after_test_iter(runner, start // 3, batch, samples)


def test_pictures_are_spread_over_the_list(tmp_path):
    run(EpisodeVisualizationHook(str(tmp_path / 'shown'), max_images=4), 10)
    names = sorted(path.name for path in (tmp_path / 'shown').iterdir())
    assert names == [f'{index:06d}_a_b_c.jpg' for index in (0, 3, 6, 9)]
    assert cv2.imread(str(tmp_path / 'shown' / names[0])) is not None


def test_all_when_there_are_few(tmp_path):
    run(EpisodeVisualizationHook(str(tmp_path), max_images=50), 4)
    assert len(list(tmp_path.iterdir())) == 4


def test_number_must_be_positive():
    with pytest.raises(ValueError, match='got 0'):
        EpisodeVisualizationHook('x', max_images=0)
