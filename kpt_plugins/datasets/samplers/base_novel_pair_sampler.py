"""The same mix of base and novel pairs in every batch of every rank."""

from __future__ import annotations

from collections.abc import Iterator

from mmengine.dist import get_dist_info
from mmpose.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from kpt_plugins.datasets.category_pair_dataset import CategoryPairDataset


@DATA_SAMPLERS.register_module()
class BaseNovelPairSampler(Sampler[int]):
    """Deals the base pairs and the novel pairs of a :class:`CategoryPairDataset` out to the ranks.

    MMEngine's ``DefaultSampler`` gives rank r the indices r, r + W, ..., with two ranks and half
    of the pairs base: all base pairs to one rank. Here each rank gets both kinds, spread evenly,
    so that any batch has ``base_ratio`` base pairs, to one pair. The pairs themselves are drawn by
    the dataset, from (seed, epoch, index); their order needs no shuffling. Where the ranks do not
    divide the pairs, up to W - 1 of each kind are left out, other ones every epoch because the
    draws are.

    Args:
        dataset (CategoryPairDataset): The dataset, in training.
        seed (int, optional): Not used; MMEngine passes it to every sampler.

    Raises:
        TypeError: For another dataset.
        ValueError: If there are fewer pairs of a kind than ranks.
    """

    def __init__(self, dataset: CategoryPairDataset, seed: int | None = None) -> None:
        if not isinstance(dataset, CategoryPairDataset) or dataset.test_mode:
            raise TypeError(
                f'BaseNovelPairSampler: got {type(dataset).__name__}, expected a '
                f'CategoryPairDataset with test_mode=False'
            )
        rank, world_size = get_dist_info()
        kinds: dict[bool, list[int]] = {True: [], False: []}
        for index in range(len(dataset)):
            kinds[dataset.base_place(index)[0]].append(index)
        shares = {}
        for is_base, indices in kinds.items():
            if 0 < len(indices) < world_size:
                kind = 'base' if is_base else 'novel'
                raise ValueError(
                    f'BaseNovelPairSampler: {len(indices)} {kind} pairs for {world_size} ranks, '
                    f'expected at least one each; raise num_pairs'
                )
            shares[is_base] = indices[rank : len(indices) - len(indices) % world_size : world_size]
        self.indices = interleave(shares[True], shares[False])

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)


def interleave(first: list[int], second: list[int]) -> list[int]:
    """Both lists as one, each in its order and spread evenly."""
    places = [
        ((i + 0.5) / len(part), item) for part in (first, second) for i, item in enumerate(part)
    ]
    return [item for _, item in sorted(places, key=lambda place: place[0])]
