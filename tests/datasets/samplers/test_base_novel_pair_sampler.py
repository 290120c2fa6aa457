import numpy as np
import pytest

from kpt_plugins.datasets import CategoryPairDataset
from kpt_plugins.datasets.samplers import BaseNovelPairSampler, base_novel_pair_sampler
from kpt_plugins.datasets.samplers.base_novel_pair_sampler import interleave
from tests.datasets.weak_shot_data import pair_dataset


def ranks(monkeypatch, dataset, world_size):
    samplers = []
    for rank in range(world_size):
        monkeypatch.setattr(
            base_novel_pair_sampler, 'get_dist_info', lambda r=rank: (r, world_size)
        )
        samplers.append(BaseNovelPairSampler(dataset))
    return samplers


@pytest.mark.parametrize('ratio', [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize('world_size', [1, 2, 3])
def test_every_batch_of_every_rank_has_the_mix(tiny_mp100, monkeypatch, ratio, world_size):
    dataset = pair_dataset(tiny_mp100, base_ratio=ratio, num_pairs=96)
    seen = []
    for sampler in ranks(monkeypatch, dataset, world_size):
        indices = list(sampler)
        assert len(sampler) == len(indices) == 96 // world_size
        kinds = np.array([dataset.base_place(i)[0] for i in indices])
        for start in range(0, len(kinds), 8):
            part = kinds[start : start + 8]
            assert abs(part.sum() - ratio * len(part)) <= 1
        seen += indices
    assert sorted(seen) == list(range(96))  # every pair once, in one rank


def test_one_rank_takes_the_datasets_order(tiny_mp100, monkeypatch):
    dataset = pair_dataset(tiny_mp100, num_pairs=50)
    (sampler,) = ranks(monkeypatch, dataset, 1)
    kinds = [dataset.base_place(i)[0] for i in sampler]
    assert all(a != b for a, b in zip(kinds, kinds[1:], strict=False))


def test_ranks_have_the_same_length(tiny_mp100, monkeypatch):
    dataset = pair_dataset(tiny_mp100, num_pairs=51)
    assert len({len(sampler) for sampler in ranks(monkeypatch, dataset, 4)}) == 1


def test_interleave():
    assert interleave([1, 2, 3, 4], [10, 20]) == [1, 10, 2, 3, 20, 4]
    assert interleave([], [3, 4]) == [3, 4]


def test_errors(tiny_mp100, monkeypatch):
    for wrong in ([1, 2], pair_dataset(tiny_mp100, test_mode=True)):
        with pytest.raises(TypeError, match='expected a CategoryPairDataset with test_mode=False'):
            BaseNovelPairSampler(wrong)
    dataset = pair_dataset(tiny_mp100, num_pairs=4)
    assert isinstance(dataset, CategoryPairDataset)
    with pytest.raises(ValueError, match='2 novel pairs for 3 ranks|2 base pairs for 3 ranks'):
        ranks(monkeypatch, dataset, 3)
