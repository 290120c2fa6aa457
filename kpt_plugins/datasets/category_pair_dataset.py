"""Pairs of instances of one category: labelled base categories, unlabelled novel ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.dataset import Compose
from mmengine.logging import print_log
from mmpose.registry import DATASETS, TRANSFORMS
from torch.utils.data import Dataset

from kpt_plugins.datasets.category_pool import (
    CategoryPool,
    read_pools,
    refuse_overlap,
    refuse_single,
    refuse_unlabelled,
    refuse_unseen,
)
from kpt_plugins.datasets.episode_dataset import generator, seeded
from kpt_plugins.datasets.mp100_dataset import MP100Dataset
from kpt_plugins.structures.registered import registered_class

Configs = Mapping | Sequence[Mapping] | None
# What would tell a novel instance's keypoints, or what was made from them.
_LABELS = ('keypoints', 'keypoints_visible', 'skeleton', 'keypoint_names', 'flip_pairs')


def as_list(configs: Configs) -> Sequence[Mapping]:
    return [configs] if isinstance(configs, Mapping) else configs or []


@DATASETS.register_module()
class CategoryPairDataset(Dataset):
    """Draws pairs of instances of one category, base or novel (weak-shot, sections 1.1 to 1.3).

    In training an item is a list of two packed images of one category. Base pairs carry their
    keypoints. The keypoints of novel pairs are taken out of the record before any transform sees
    it, with all that was made from them, so that they cannot influence training. Each draw,
    augmentation included, depends on ``(seed, epoch, index)`` alone. Categories are balanced.

    For evaluation (``test_mode``) an item is one packed image with its keypoints and a role:
    ``'fit'`` (what the assignment of prompts to keypoints and the regression are fitted on, the
    images that training uses, of novel categories without their labels) or ``'test'``.

    Args:
        base (dict | list[dict], optional): Config of the records of the labelled categories (a
            :class:`MP100Dataset`), or of several; not needed with ``base_ratio=0``. The pipelines
            of the records are not used.
        novel (dict | list[dict], optional): The same for the unlabelled ones, read with
            ``min_visible=0``; a :class:`CategoryFolderDataset` needs no annotation. Not needed
            with ``base_ratio=1`` and in evaluation.
        pipeline (Sequence[dict]): Transforms of one image, ``PackWeakShot`` the last.
        base_classes (list[int | str], optional): Names or ids; by default all of ``base`` that
            ``novel_classes`` does not name.
        novel_classes (list[int | str], optional): Names or ids; by default all of ``novel``.
        merge_classes (dict[str, list[int | str]], optional): Categories that become one, e.g.
            ``{'bird': ['Grebe_body', 'Gull_body']}``; they must have the same keypoints.
        base_ratio (float): Share of base pairs.
        novel_train_ratio (float): Share of each novel category's images to train on; the rest is
            for testing.
        base_train_ratio (float): The same for base categories.
        split_seed (int): Seed of these divisions.
        transductive (bool): Train on all novel images and test on the same (as the unsupervised
            literature does).
        novel_labels (bool): Upper bound ("oracle"): in training novel pairs keep their keypoints
            and count as base pairs.
        max_keypoints (int, optional): The model's number of prompts: base categories with more
            keypoints are refused at once.
        max_images (int, optional): In evaluation at most this many images of each category and
            role.
        num_pairs (int, optional): Pairs an epoch; by default as many as give each base category
            as many pairs as the largest has images.
        seed (int): Seed of the draws.
        test_mode (bool): The evaluation list instead of the pairs.

    Raises:
        ValueError: If an argument is out of range, base and novel categories overlap, a category
            has no labels, too few images or too many keypoints, or there is no novel image.
    """

    def __init__(
        self,
        base: Mapping | Sequence[Mapping] | None = None,
        novel: Mapping | Sequence[Mapping] | None = None,
        pipeline: Sequence[dict] = (),
        base_classes: Sequence[int | str] | None = None,
        novel_classes: Sequence[int | str] | None = None,
        merge_classes: Mapping[str, Sequence[int | str]] | None = None,
        base_ratio: float = 0.5,
        novel_train_ratio: float = 0.7,
        base_train_ratio: float = 0.9,
        split_seed: int = 0,
        transductive: bool = False,
        novel_labels: bool = False,
        max_keypoints: int | None = None,
        max_images: int | None = None,
        num_pairs: int | None = None,
        seed: int = 0,
        test_mode: bool = False,
    ) -> None:
        for field, value, low, high in (
            ('base_ratio', base_ratio, 0, 1),
            ('novel_train_ratio', novel_train_ratio, 0, 1),
            ('base_train_ratio', base_train_ratio, 0, 1),
            ('num_pairs', num_pairs, 1, np.inf),
            ('max_images', max_images, 1, np.inf),
            ('seed', seed, 0, np.inf),
        ):
            if value is not None and not low <= value <= high:
                limits = f'at least {low}' if high == np.inf else f'{low} to {high}'
                raise ValueError(f'CategoryPairDataset: {field}={value}, expected {limits}')
        # Names alone do not tell: two categories of MP-100 are called "face".
        if both := [item for item in base_classes or () if item in (novel_classes or ())]:
            raise ValueError(
                f'CategoryPairDataset: {both} stand in base_classes and in novel_classes; expected '
                f'disjoint lists, of ids where different categories have one name'
            )
        self.pipeline = Compose([TRANSFORMS.build(transform) for transform in pipeline])
        self.base_ratio = base_ratio
        self.max_keypoints = max_keypoints
        self.split_seed = split_seed
        self.novel_labels = novel_labels
        self.seed = seed
        self.test_mode = test_mode
        # shared memory, so that a new epoch reaches workers that live on
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

        self.datasets: list[Any] = []
        merged = merge_classes or {}
        read = partial(read_pools, merge_classes=merged, split_seed=split_seed)
        base_sets = self._build(base)
        base_pools = read(
            base_sets, True, base_classes, novel_classes or (), train_ratio=base_train_ratio
        )
        if base_classes is None:  # else it is an error of its own that one has no instance
            novel_names = {i for name in novel_classes or () for i in (name, *merged.get(name, ()))}
            refuse_unseen(base_sets, novel_names)
        novel_ratio = 1.0 if transductive else novel_train_ratio
        novel_pools = read(
            self._build_novel(novel), False, novel_classes, (), train_ratio=novel_ratio
        )
        refuse_overlap(base_pools, novel_pools)
        refuse_unlabelled(base_pools, max_keypoints)
        self.pools = {p.group.id: p for p in (*base_pools, *novel_pools)}
        if test_mode:
            self.images = self._evaluation_list(max_images, transductive)
            return
        refuse_unlabelled(novel_pools if novel_labels else [], max_keypoints)
        self._refuse_missing(base_pools, novel_pools)
        self._drawn = {True: base_pools, False: novel_pools}
        if num_pairs is None:
            counted, share = (base_pools, base_ratio) if base_ratio else (novel_pools, 1.0)
            num_pairs = round(max(len(p.train) for p in counted) * len(counted) / share)
        self._length = num_pairs
        self._log_categories()

    def _log_categories(self) -> None:
        for kind, pools in self._drawn.items():
            names = ', '.join(f'{pool.group.id} {pool.group.name}' for pool in pools)
            print_log(f'{"base" if kind else "novel"} categories: {names or "none"}', 'current')

    def _build_novel(self, configs: Configs) -> dict[int, Any]:
        """Records that do not depend on labels: how many keypoints are visible must not count."""
        needed = []
        for config in as_list(configs):
            if issubclass(registered_class(DATASETS, config['type']) or object, MP100Dataset):
                if config.get('min_visible', 0) != 0:
                    raise ValueError(
                        f'novel records with min_visible={config["min_visible"]}: their labels '
                        f'would decide which images are trained on; leave it out'
                    )
                config = {**config, 'min_visible': 0}
            needed.append(config)
        return self._build(needed)

    def _build(self, configs: Configs) -> dict[int, Any]:
        """Record datasets by their number, which is the first part of an address."""
        built = {}
        for config in as_list(configs):
            built[len(self.datasets)] = DATASETS.build(config)
            self.datasets.append(built[len(self.datasets)])
        return built

    def _refuse_missing(self, base: list[CategoryPool], novel: list[CategoryPool]) -> None:
        for kind, pools, needed in (
            ('base', base, self.base_ratio > 0),
            ('novel', novel, self.base_ratio < 1),
        ):
            if needed and not pools:
                raise ValueError(
                    f'CategoryPairDataset: no {kind} image; give records in {kind}, or train '
                    f'without them: base_ratio={int(kind == "novel")}'
                )
            refuse_single(pools if needed else [], kind)

    def _evaluation_list(self, limit: int | None, transductive: bool) -> list[tuple]:
        """(category id, role, address) of each image; whole categories after each other."""
        images = []
        for category_id, pool in self.pools.items():
            test = pool.train if transductive and not pool.is_base else pool.test
            for role, addresses in (('fit', pool.train), ('test', test)):
                images += [(category_id, role, address) for address in addresses[:limit]]
        if not images:
            raise ValueError('CategoryPairDataset: nothing to evaluate; give base or novel')
        return images

    @property
    def metainfo(self) -> dict:
        """Name of the dataset and its categories, novel ones without what labels tell."""
        name = self.datasets[0].metainfo.get('dataset_name') if self.datasets else None
        categories = []
        for pool in self.pools.values():
            category = dict(id=pool.group.id, name=pool.group.name, is_base=pool.is_base)
            if pool.is_base or self.novel_labels:
                category['keypoint_names'] = list(pool.keypoint_names)
            categories.append(category)
        return dict(dataset_name=name, categories=categories)

    @property
    def epoch(self) -> int:
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose training pairs are drawn; reaches running workers too."""
        self._epoch.fill_(epoch)

    def full_init(self) -> None:
        """Nothing is left to do; MMEngine's runner asks every dataset."""

    def __len__(self) -> int:
        return len(self.images) if self.test_mode else self._length

    def base_place(self, index: int) -> tuple[bool, int]:
        """Whether a pair is a base pair, and how many of its kind come before it.

        The two kinds are spread evenly: any run of pairs has ``base_ratio`` base ones, to one pair.
        """
        before, after = (int(np.floor(i * self.base_ratio + 1e-9)) for i in (index, index + 1))
        return (True, before) if after > before else (False, index - before)

    def get_pair(self, index: int) -> tuple[int, list[tuple[int, int]]]:
        """Category id and addresses of the two instances of a training pair."""
        if not 0 <= index < len(self):
            raise IndexError(f'pair {index} of {len(self)}')
        is_base, place = self.base_place(index)
        pools = self._drawn[is_base]
        # one shuffled round of all categories after the other: balanced at every moment
        round_, place_in_round = divmod(place, len(pools))
        order = generator(self.seed, self.epoch, int(is_base), round_).permutation(len(pools))
        pool = pools[order[place_in_round]]
        drawn = generator(self.seed, self.epoch, 2 + int(is_base), place).choice(
            len(pool.train), 2, replace=False
        )
        return pool.group.id, [pool.train[i] for i in drawn]

    def __getitem__(self, index: int) -> Any:
        if self.test_mode:
            category_id, role, address = self.images[index]
            with seeded(self.seed, index, 5):
                return self._pack(category_id, address, role, index, labelled=True)
        category_id, addresses = self.get_pair(index)
        labelled = self.pools[category_id].is_base or self.novel_labels
        with seeded(self.seed, self.epoch, index, 4):
            return [self._pack(category_id, a, 'train', index, labelled) for a in addresses]

    def _pack(
        self, category_id: int, address: tuple[int, int], role: str, index: int, labelled: bool
    ) -> dict:
        """One image after the pipeline; without labels nothing of them enters it."""
        pool = self.pools[category_id]
        record = self.datasets[address[0]].get_data_info(address[1])
        if not labelled:
            record = {key: value for key, value in record.items() if key not in _LABELS}
        record.update(
            category_id=category_id,
            category_name=pool.group.name,
            is_base=labelled if role == 'train' else pool.is_base,
            role=role,
            index=index,
            labelled=labelled and 'keypoints' in record,
        )
        return self.pipeline(record)
