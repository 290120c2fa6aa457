from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kpt_plugins.apis.model_loading import build_dataset, build_model
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.apis.weak_shot_probes import probe_weak_shot, summarize_probes
from kpt_plugins.evaluation.functional import keyness_target
from tests.apis.test_prompt_assignment import TINY


@pytest.fixture(autouse=True)
def _data(tiny_mp100, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))


@pytest.fixture
def dataset():
    return build_dataset(load_config(TINY), 'test')


class Perfect:
    """Knows the labels: true keyness maps, offsets that lead back, a descriptor a keypoint."""

    keyness = SimpleNamespace()
    correspondence = object()
    sigma = 2.0

    def __init__(self, side=64):
        self.side = side
        self.keyness.local_offset = self.local_offset

    def data_preprocessor(self, data, training):
        return data

    def __call__(self, inputs, data_samples, mode):
        assert mode == 'tensor'
        shape = (self.side, self.side)
        maps, descriptors, self.points = [], [], []
        for sample in data_samples:
            labels = sample.gt_instance_labels
            points, visible = labels.keypoints[0].numpy(), labels.keypoints_visible[0].numpy()
            maps.append(keyness_target(points, visible, shape, self.sigma)[None])
            own = [keyness_target(p[None], [1], shape, self.sigma) for p in points]
            descriptors.append(np.stack([*own, *[np.zeros(shape)] * (12 - len(own))]) + 1e-6)
        descriptors = F.normalize(torch.tensor(np.stack(descriptors)), dim=1)
        # identity is clear near a keypoint alone: everything else points elsewhere
        far = torch.tensor(np.stack(maps)) < 0.5
        self.targets = [s.gt_instance_labels.keypoints for s in data_samples]
        descriptors = torch.cat([descriptors * ~far, far.double()], dim=1)
        return SimpleNamespace(keyness=torch.tensor(np.stack(maps)), descriptors=descriptors)

    def local_offset(self, maps, points):
        if len(points) > 1:  # those of a category, on the true maps
            assert maps.max() > 0.9
            return torch.zeros_like(points)
        return self.targets.pop(0).to(points) - points


def test_a_perfect_model(dataset):
    scores = probe_weak_shot(Perfect(), dataset, num_pairs=4)
    # base categories have two held-out images, novel ones three
    assert set(scores) == set(dataset.pools)
    means = summarize_probes(scores)
    for kind in ('base', 'novel'):
        assert means[f'{kind}/keyness_sse'] == pytest.approx(0, abs=1e-9)
        assert means[f'{kind}/keyness_shift'] == pytest.approx(0, abs=1e-4)
        assert means[f'{kind}/true_map_shift'] == means[f'{kind}/noise_shift']
        assert means[f'{kind}/empty_sse'] > 10
        # mean length of two-dimensional normal noise of 5 %
        assert means[f'{kind}/noise_shift'] == pytest.approx(256 * 0.05 * 1.2533, rel=0.15)
        assert means[f'{kind}/transfer_PCK@0.2'] > 0.95


def test_an_untrained_model(dataset):
    torch.manual_seed(0)
    model = build_model(load_config(TINY))
    one, two = (probe_weak_shot(model, dataset, num_pairs=4, batch_size=b) for b in (2, 16))
    assert one.keys() == two.keys()
    for category in one:
        assert one[category] == pytest.approx(two[category], rel=1e-4, abs=1e-4)
        assert 0 <= one[category]['transfer_PCK@0.05'] <= one[category]['transfer_PCK@0.2'] <= 1


def test_offsets_have_no_map_error(dataset):
    cfg = load_config(TINY, {'model.keyness.mode': 'offset'})
    (row, *_) = probe_weak_shot(build_model(cfg), dataset, num_pairs=1).values()
    assert 'keyness_sse' not in row and np.isfinite(row['keyness_shift'])


def test_errors(dataset):
    model = build_model(load_config(TINY))
    with pytest.raises(ValueError, match='test_mode=True'):
        probe_weak_shot(model, build_dataset(load_config(TINY), 'train'))
    dataset.images = dataset.images[:1]
    with pytest.raises(ValueError, match='no category of the dataset has two annotated test'):
        probe_weak_shot(model, dataset)
    model.keyness = None
    with pytest.raises(ValueError, match='no keyness'):
        probe_weak_shot(model, dataset)
