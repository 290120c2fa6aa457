"""Episodes: a few annotated supports and a query of one category."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.dataset import Compose
from mmpose.registry import DATASETS, TRANSFORMS
from torch.utils.data import Dataset

from kpt_plugins.datasets.transforms import KeypointPadding


def generator(*key: int) -> np.random.Generator:
    """A random generator that depends on the key alone."""
    return np.random.default_rng(key)


@contextmanager
def seeded(*key: int) -> Iterator[None]:
    """Give ``numpy.random`` and ``random`` a state that depends on the key alone, for a while.

    MMPose's transforms draw from these global generators; inside, their draws are the same on any
    worker, rank and after any resume.
    """
    numpy_state, python_state = np.random.get_state(), random.getstate()
    words = np.random.SeedSequence(key).generate_state(4)
    np.random.seed(words)
    random.seed(int(words[0]))
    try:
        yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


@DATASETS.register_module()
class EpisodeDataset(Dataset):
    """Draws pairs of (support set, query) of one category from a dataset of records.

    Every draw, augmentation included, depends on ``(seed, epoch, index)`` alone: workers, ranks and
    resumes do not change it.

    In training each category gets the same number of pairs, drawn anew every epoch (FMMP, section
    1.6). For evaluation the list is fixed: for each category ``num_episodes`` support sets, each
    with ``num_queries`` queries.

    Args:
        dataset (dict): Config of the dataset of records, whose own pipeline makes the crops.
        pipeline (Sequence[dict]): Transforms of the whole episode, the packing last.
        num_shots (int): Supports S of an episode.
        num_queries (int): Queries of an evaluation episode.
        num_episodes (int, optional): In training, pairs an epoch; by default the size of the
            largest category times the number of categories. In evaluation, episodes a category.
        seed (int): Seed of all draws.
        test_mode (bool): Evaluation list instead of the training draw.
        legacy_sampling (bool): Draw the evaluation list from Python's ``random.Random(1)`` in the
            annotation file's category order, as the published evaluations do.
        query_rotation (float): In evaluation, turn each query's crop by an angle uniform in
            +- this many degrees.

    Raises:
        ValueError: If an argument is out of range or only for ``test_mode``, if a category has too
            few instances for one episode, or more keypoints than the pipeline pads to.
    """

    def __init__(
        self,
        dataset: dict,
        pipeline: Sequence[dict],
        num_shots: int = 1,
        num_queries: int = 15,
        num_episodes: int | None = None,
        seed: int = 0,
        test_mode: bool = False,
        legacy_sampling: bool = False,
        query_rotation: float = 0.0,
    ) -> None:
        for name, value, least in (
            ('num_shots', num_shots, 1),
            ('num_queries', num_queries, 1),
            ('num_episodes', 1 if num_episodes is None else num_episodes, 1),
            ('seed', seed, 0),
        ):
            if value < least:
                raise ValueError(f'EpisodeDataset: {name}={value}, expected at least {least}')
        if not test_mode and (legacy_sampling or query_rotation):
            raise ValueError(
                f'EpisodeDataset: legacy_sampling={legacy_sampling} and query_rotation='
                f'{query_rotation} are for evaluation alone, but test_mode=False'
            )
        self.dataset = DATASETS.build(dataset)
        self.pipeline = Compose([TRANSFORMS.build(transform) for transform in pipeline])
        self.num_shots = num_shots
        self.num_queries = num_queries if test_mode else 1
        self.seed = seed
        self.test_mode = test_mode
        self.query_rotation = query_rotation
        # shared memory, so that a new epoch reaches workers that live on
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

        self.dataset.full_init()
        self.category_ids = list(self.dataset.categories)
        self.members = {c: self.dataset.indices_of(c) for c in self.category_ids}
        self._refuse_small_categories()
        self._refuse_large_categories()
        if test_mode:
            num_episodes = 200 if num_episodes is None else num_episodes
            draw = self._legacy_list if legacy_sampling else self._seeded_list
            self.pairs = draw(num_episodes)
        else:
            if num_episodes is None:
                num_episodes = max(map(len, self.members.values())) * len(self.category_ids)
            self.pairs = None
            self._length = num_episodes

    def _refuse_small_categories(self) -> None:
        needed = self.num_shots + self.num_queries
        small = [
            f'{c} ({self.dataset.categories[c].name}): {len(self.members[c])}'
            for c in self.category_ids
            if len(self.members[c]) < needed
        ]
        if small or not self.category_ids:
            found = '; '.join(small) or 'no category at all'
            raise ValueError(
                f'{self.dataset.ann_file}: an episode of {self.num_shots} supports and '
                f'{self.num_queries} queries needs {needed} instances of its category, but there '
                f'are, by category id: {found}. Lower num_shots or num_queries, or leave the '
                f'category out with category_ids.'
            )

    def _refuse_large_categories(self) -> None:
        """At construction, not hours later when such a category is drawn."""
        for transform in self.pipeline.transforms:
            if not isinstance(transform, KeypointPadding):
                continue
            size = transform.num_keypoints
            large = [
                f'{c} ({category.name}): {category.num_keypoints}'
                for c, category in self.dataset.categories.items()
                if category.num_keypoints > size
            ]
            if large:
                raise ValueError(
                    f'{self.dataset.ann_file}: more keypoints than KeypointPadding.num_keypoints='
                    f'{size} have, by category id: {"; ".join(large)}. Raise the num_keypoints of '
                    f'KeypointPadding in the episode pipelines of all data loaders (the configs '
                    f'that we ship have one num_keypoints for all, in the config file), or leave '
                    f'the category out with category_ids.'
                )

    def _seeded_list(self, num_episodes: int) -> list[tuple[int, np.ndarray, int]]:
        """Evaluation pairs (category id, supports, query), one generator an episode."""
        pairs = []
        for category in self.category_ids:
            for episode in range(num_episodes):
                drawn = generator(self.seed, category, episode).choice(
                    self.members[category], self.num_shots + self.num_queries, replace=False
                )
                supports = drawn[: self.num_shots]
                pairs += [(category, supports, query) for query in drawn[self.num_shots :]]
        return pairs

    def _legacy_list(self, num_episodes: int) -> list[tuple[int, np.ndarray, int]]:
        """Evaluation pairs of the published protocol (section 1.6)."""
        rng = random.Random(1)
        pairs = []
        for category in self.category_ids:
            members = self.members[category].tolist()
            for _ in range(num_episodes):
                drawn = rng.sample(members, self.num_shots + self.num_queries)
                supports = np.array(drawn[: self.num_shots])
                pairs += [(category, supports, query) for query in drawn[self.num_shots :]]
        return pairs

    @property
    def metainfo(self) -> dict:
        return self.dataset.metainfo

    @property
    def epoch(self) -> int:
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose training pairs are drawn; reaches running workers too."""
        self._epoch.fill_(epoch)

    def full_init(self) -> None:
        """Nothing is left to do; MMEngine's runner asks every dataset."""

    def __len__(self) -> int:
        return self._length if self.pairs is None else len(self.pairs)

    def get_pair(self, index: int) -> tuple[int, np.ndarray, int]:
        """Category id, record indices (S,) of the supports, record index of the query."""
        if not 0 <= index < len(self):
            raise IndexError(f'episode pair {index} of {len(self)}')
        if self.pairs is not None:
            return self.pairs[index]
        # one shuffled round of all categories after the other: balanced at every moment
        round_, place = divmod(index, len(self.category_ids))
        order = generator(self.seed, self.epoch, 0, round_).permutation(len(self.category_ids))
        category = self.category_ids[order[place]]
        drawn = generator(self.seed, self.epoch, 1, index).choice(
            self.members[category], self.num_shots + 1, replace=False
        )
        return category, drawn[:-1], drawn[-1]

    def __getitem__(self, index: int) -> dict:
        category_id, supports, query = self.get_pair(index)
        category = self.dataset.categories[category_id]
        with seeded(self.seed, self.epoch, index, 2):
            records = [self.dataset.get_data_info(int(i)) for i in (*supports, query)]
            if self.test_mode and self.query_rotation:
                angle = np.random.uniform(-self.query_rotation, self.query_rotation)
                records[-1]['bbox_rotation'] = np.array([angle], np.float32)
            images = [self.dataset.pipeline(record) for record in records]
            size = np.asarray(images[0]['input_size'], np.float32)
            points = np.concatenate([image['transformed_keypoints'] for image in images]) / size
            visible = np.concatenate([image['keypoints_visible'] for image in images]) > 0
            points[~visible] = 0.0  # their coordinates are nobody's
            episode = dict(
                images=images,
                points=points.astype(np.float32),
                visible=visible,
                links=[category.skeleton] * len(images),
                num_keypoints=category.num_keypoints,
                meta=dict(
                    pair_index=index,
                    category_id=category_id,
                    category_name=category.name,
                    id=images[-1]['id'],
                    support_ids=[image['id'] for image in images[:-1]],
                ),
            )
            return self.pipeline(episode)
