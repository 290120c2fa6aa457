import random
from collections import Counter

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, pseudo_collate
from torch.utils.data import DataLoader

from kpt_plugins.datasets import EpisodeDataset
from kpt_plugins.datasets.episode_dataset import seeded
from tests.helpers import coco_file, write_coco

LOAD_BOX = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale')]
AUGMENT = [dict(type='RandomScaleRotation')]
CROP = [dict(type='TopdownAffine', input_size=(32, 32)), dict(type='HideKeypointsOutsideCrop')]
EPISODE = [
    dict(type='KeypointPadding', mode='mixup', num_keypoints=16),
    dict(type='StructuralReferences'),
    dict(type='PackEpisode'),
]


def build(root, subset='train', augment=AUGMENT, pipeline=EPISODE, records=(), **kwargs):
    """An episode dataset over the tiny MP-100 (six categories of 20 instances)."""
    dataset = dict(
        type='MP100Dataset',
        _scope_='mmpose',
        data_root=str(root),
        ann_file=f'annotations/mp100_split1_{subset}.json',
        data_prefix=dict(img='images'),
        pipeline=[*LOAD_BOX, *augment, *CROP],
        **dict(records),
    )
    return EpisodeDataset(dataset, pipeline, **kwargs)


def plain(pairs):
    return [(category, list(map(int, supports)), int(query)) for category, supports, query in pairs]


def all_pairs(dataset):
    return plain(dataset.get_pair(i) for i in range(len(dataset)))


def same(a, b):
    """Whether two items are equal to the last bit."""
    fields = ('points', 'visible', 'references', 'query_references', 'reverse_references')
    first, second = a['data_samples'], b['data_samples']
    return torch.equal(a['inputs'], b['inputs']) and all(
        torch.equal(getattr(first.episode, name), getattr(second.episode, name)) for name in fields
    )


class TestTraining:
    def test_length_is_the_largest_category_times_the_categories(self, tiny_mp100):
        assert len(build(tiny_mp100)) == 6 * 20
        assert len(build(tiny_mp100, num_episodes=7)) == 7

    def test_pairs_are_of_one_category_and_distinct(self, tiny_mp100):
        dataset = build(tiny_mp100, num_shots=3)
        for category, supports, query in all_pairs(dataset):
            assert len({*supports, query}) == 4
            assert set(supports) | {query} <= set(dataset.members[category])

    def test_categories_are_balanced_at_every_moment(self, tiny_mp100):
        dataset = build(tiny_mp100)
        categories = [category for category, _, _ in all_pairs(dataset)]
        assert set(Counter(categories).values()) == {20}
        for start in range(0, len(categories), 6):
            assert len(set(categories[start : start + 6])) == 6
        assert len({tuple(categories[i : i + 6]) for i in range(0, 120, 6)}) > 10  # shuffled

    def test_every_instance_is_drawn_equally_often(self, tiny_mp100):
        dataset = build(tiny_mp100, num_episodes=6000)
        count = Counter()
        for _, supports, query in all_pairs(dataset):
            count.update([*supports, query])
        assert len(count) == 120
        # 100 +- 10 expected for each
        assert min(count.values()) > 60 and max(count.values()) < 145

    def test_depends_on_seed_and_epoch(self, tiny_mp100):
        dataset, again, other = (build(tiny_mp100, seed=seed) for seed in (3, 3, 4))
        first = all_pairs(dataset)
        assert first == all_pairs(again) != all_pairs(other)
        dataset.set_epoch(5)
        later = all_pairs(dataset)
        assert dataset.epoch == 5 and later != first
        again.set_epoch(5)  # a resumed run has not seen the epochs between
        assert all_pairs(again) == later
        dataset.set_epoch(0)
        assert all_pairs(dataset) == first

    def test_augmentation_depends_on_index_and_epoch_alone(self, tiny_mp100):
        dataset = build(tiny_mp100)
        items = [dataset[i] for i in (3, 4, 3)]
        assert same(items[0], items[2]) and not same(items[0], items[1])
        np.random.seed(0)
        assert same(dataset[3], items[0])
        dataset.set_epoch(1)
        assert not same(dataset[3], items[0])

    def test_supports_and_query_are_augmented_independently(self, tiny_mp100):
        """The same record twice: the crops differ."""
        dataset = build(tiny_mp100, pipeline=[])
        dataset.get_pair = lambda index: (dataset.category_ids[0], np.array([2, 2]), 2)
        boxes = []
        for index in range(40):
            images = dataset[index]['images']
            boxes.append([(im['bbox_scale'][0, 0], im['bbox_rotation'][0]) for im in images])
        boxes = np.array(boxes)  # (40, 3, 2), often at the limits of the draws
        for first, second in ((0, 1), (0, 2), (1, 2)):
            assert (boxes[:, first] != boxes[:, second]).any(axis=1).mean() > 0.8
            assert abs(np.corrcoef(boxes[:, first, 0], boxes[:, second, 0])[0, 1]) < 0.5

    def test_index_out_of_range(self, tiny_mp100):
        dataset = build(tiny_mp100, num_episodes=3)
        for index in (3, -1):
            with pytest.raises(IndexError, match=f'episode pair {index} of 3'):
                dataset[index]


class TestWorkers:
    def load(self, dataset, workers, epochs=(0,), **kwargs):
        loader = DataLoader(
            dataset, batch_size=2, num_workers=workers, collate_fn=pseudo_collate, **kwargs
        )
        epoch_items = []
        for epoch in epochs:
            dataset.set_epoch(epoch)
            batches = list(loader)
            epoch_items.append([image for batch in batches for image in batch['inputs']])
        return epoch_items

    def test_number_of_workers_does_not_matter(self, tiny_mp100):
        alone, shared, persistent = (
            self.load(build(tiny_mp100, num_episodes=6), workers, epochs=(0, 1), **kwargs)
            for workers, kwargs in ((0, {}), (2, {}), (2, dict(persistent_workers=True)))
        )
        for epoch in (0, 1):
            for images in zip(alone[epoch], shared[epoch], persistent[epoch], strict=True):
                assert torch.equal(images[0], images[1]) and torch.equal(images[0], images[2])
        assert not torch.equal(alone[0][0], alone[1][0])

    def test_ranks_share_the_episodes_of_one(self, tiny_mp100, monkeypatch):
        dataset = build(tiny_mp100, num_episodes=6)
        whole = [dataset[i] for i in range(6)]
        for rank in (0, 1):
            monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda r=rank: (r, 2))
            indices = list(DefaultSampler(dataset, shuffle=False))
            assert indices == [rank, rank + 2, rank + 4]
            assert all(same(dataset[i], whole[i]) for i in indices)

    def test_global_generators_are_left_as_they_were(self, tiny_mp100):
        dataset = build(tiny_mp100)
        np.random.seed(1)
        random.seed(1)
        expected = np.random.rand(), random.random()
        np.random.seed(1)
        random.seed(1)
        dataset[0]
        assert (np.random.rand(), random.random()) == expected


class TestEvaluation:
    def test_list(self, tiny_mp100):
        dataset = build(
            tiny_mp100, 'test', test_mode=True, num_shots=2, num_queries=4, num_episodes=3
        )
        pairs = all_pairs(dataset)
        assert len(dataset) == len(pairs) == 6 * 3 * 4
        assert [category for category, _, _ in pairs] == np.repeat(
            dataset.category_ids, 12
        ).tolist()
        for start in range(0, len(pairs), 4):
            episode = pairs[start : start + 4]
            assert len({tuple(supports) for _, supports, _ in episode}) == 1
            queries = {query for _, _, query in episode}
            assert len(queries | set(episode[0][1])) == 6

    def test_fixed_by_the_seed_alone(self, tiny_mp100):
        args = dict(test_mode=True, num_episodes=2, num_queries=3)
        first, again, other = (build(tiny_mp100, 'test', seed=s, **args) for s in (1, 1, 2))
        pairs = all_pairs(first)
        first.set_epoch(7)
        assert pairs == all_pairs(first) == all_pairs(again) != all_pairs(other)

    def test_leaving_out_a_category_keeps_the_others_episodes(self, tiny_mp100):
        args = dict(test_mode=True, num_episodes=2, num_queries=3)
        whole = build(tiny_mp100, 'test', **args)
        some = build(tiny_mp100, 'test', records=dict(category_ids=whole.category_ids[1:3]), **args)

        def by_id(dataset):
            ids = [dataset.dataset.get_data_info(i)['id'] for i in range(len(dataset.dataset))]
            return [
                (category, [ids[i] for i in supports], ids[query])
                for category, supports, query in all_pairs(dataset)
            ]

        chosen = [pair for pair in by_id(whole) if pair[0] in some.category_ids]
        assert by_id(some) == chosen

    @pytest.mark.parametrize('shots', [1, 5])
    def test_legacy_sampling(self, tiny_mp100, shots):
        """The published protocol, drawn with the global generator as published."""
        dataset = build(
            tiny_mp100,
            'test',
            test_mode=True,
            legacy_sampling=True,
            num_shots=shots,
            num_queries=5,
            num_episodes=4,
            seed=99,
        )
        records = [dataset.dataset.get_data_info(i) for i in range(len(dataset.dataset))]
        state = random.getstate()
        random.seed(1)
        expected = []
        for category in dataset.dataset.categories:
            members = [i for i, r in enumerate(records) if r['category_id'] == category]
            for _ in range(4):
                sample = random.sample(members, shots + 5)
                for query in sample[shots:]:
                    expected.append((category, sample[:shots], query))
        random.setstate(state)
        assert all_pairs(dataset) == expected

    @pytest.mark.parametrize('legacy', [False, True])
    def test_default_size_is_the_published_one(self, tiny_mp100, legacy):
        """200 episodes of 15 queries a category: 60000 pairs for the 20 of an MP-100 test file."""
        dataset = build(tiny_mp100, 'test', test_mode=True, legacy_sampling=legacy)
        assert len(dataset) == 6 * 200 * 15

    def test_real_test_split_has_60000_pairs(self, tmp_path):
        content = coco_file(num_images=0)
        record = coco_file(num_images=1)
        content['categories'] = []
        for category in range(1, 21):
            content['categories'].append(dict(record['categories'][0], id=category))
            for number in range(16):
                key = category * 100 + number
                content['images'].append(dict(record['images'][0], id=key, file_name='0.png'))
                content['annotations'].append(
                    dict(record['annotations'][0], id=key, image_id=key, category_id=category)
                )
        write_coco(tmp_path, content)
        dataset = EpisodeDataset(
            dict(
                type='MP100Dataset', _scope_='mmpose', data_root=str(tmp_path), ann_file='ann.json'
            ),
            [],
            test_mode=True,
            legacy_sampling=True,
        )
        assert len(dataset) == 60000

    def test_query_rotation_turns_the_query_alone(self, tiny_mp100):
        args = dict(
            subset='test', augment=[], pipeline=[], test_mode=True, num_queries=15, num_episodes=2
        )
        plain_, turned, again = (
            build(tiny_mp100, query_rotation=angle, **args) for angle in (0, 40, 40)
        )
        angles = []
        for index in range(0, len(turned), 3):
            flat, item, repeated = plain_[index], turned[index], again[index]
            np.testing.assert_array_equal(flat['images'][0]['img'], item['images'][0]['img'])
            assert (flat['images'][1]['img'] != item['images'][1]['img']).any()
            np.testing.assert_array_equal(item['images'][1]['img'], repeated['images'][1]['img'])
            angles.append(float(item['images'][1]['bbox_rotation'][0]))
        assert -40 <= min(angles) < -20 and 20 < max(angles) <= 40
        # the keypoints turn with the pixels, as seen from the crop's centre
        shift = (item['points'][1] - 0.5)[0], (flat['points'][1] - 0.5)[0]
        length = [float(np.hypot(*s)) for s in shift]
        assert length[0] == pytest.approx(length[1], abs=1e-4)
        turn = np.degrees(np.subtract(*(np.arctan2(y, x) for x, y in shift)))
        assert abs((turn + 180) % 360 - 180) == pytest.approx(abs(angles[-1]), abs=0.1)


class TestItem:
    def test_episode_given_to_the_pipeline(self, tiny_mp100):
        dataset = build(tiny_mp100, augment=[], pipeline=[], num_shots=2)
        category_id, supports, query = dataset.get_pair(5)
        item = dataset[5]
        category = dataset.dataset.categories[category_id]
        assert item['num_keypoints'] == category.num_keypoints
        assert item['points'].shape == (3, category.num_keypoints, 2)
        assert item['points'].dtype == np.float32 and item['visible'].dtype == bool
        records = [dataset.dataset.get_data_info(int(i)) for i in (*supports, query)]
        assert item['meta'] == dict(
            pair_index=5,
            category_id=category_id,
            category_name=category.name,
            id=records[-1]['id'],
            support_ids=[record['id'] for record in records[:-1]],
        )
        for number, record in enumerate(records):
            image = item['images'][number]
            assert image['img'].shape == (32, 32, 3)
            np.testing.assert_array_equal(item['links'][number], category.skeleton)
            # the square crop: 1.25 times the longer side of the box around its centre
            x1, y1, x2, y2 = record['bbox'][0]
            side = 1.25 * max(x2 - x1, y2 - y1)
            corner = np.array([x1 + x2, y1 + y2]) / 2 - side / 2
            expected = (record['keypoints'][0] - corner) / side
            expected[record['keypoints_visible'][0] == 0] = 0
            np.testing.assert_allclose(item['points'][number], expected, atol=1e-4)

    def test_support_without_visible_keypoint(self, tiny_mp100):
        """A crop may lose all its keypoints; the episode is made all the same."""
        dataset = build(tiny_mp100)
        inner = dataset.dataset.get_data_info

        def hidden(index):
            record = inner(index)
            record['keypoints_visible'][:] = 0
            return record

        dataset.dataset.get_data_info = hidden
        item = dataset[0]
        assert not item['data_samples'].episode.visible.any()
        assert not item['data_samples'].episode.points.any()

    def test_metainfo_is_the_records(self, tiny_mp100):
        dataset = build(tiny_mp100)
        assert dataset.metainfo == dataset.dataset.metainfo


class TestErrors:
    def test_too_small_categories_are_named(self, tiny_mp100):
        with pytest.raises(ValueError) as error:
            build(tiny_mp100, 'test', test_mode=True, num_shots=5, num_queries=16)
        message = str(error.value)
        assert '5 supports and 16 queries needs 21 instances' in message
        assert 'mp100_split1_test.json' in message and '2 (face): 20' in message

    def test_only_the_small_ones(self, tmp_path):
        content = coco_file(num_images=3)
        big = coco_file(num_images=6)
        content['categories'].append(dict(big['categories'][0], id=2, name='big'))
        for image, annotation in zip(big['images'], big['annotations'], strict=True):
            content['images'].append(dict(image, id=image['id'] + 10))
            content['annotations'].append(
                dict(annotation, id=annotation['id'] + 10, image_id=image['id'] + 10, category_id=2)
            )
        write_coco(tmp_path, content)
        records = dict(
            type='MP100Dataset', _scope_='mmpose', data_root=str(tmp_path), ann_file='ann.json'
        )
        with pytest.raises(ValueError, match=r'by category id: 1 \(thing\): 3\. Lower'):
            EpisodeDataset(records, [], num_shots=3)
        EpisodeDataset(records, [], num_shots=2)


def test_seeded_restores_the_state_after_an_error():
    np.random.seed(0)
    expected = np.random.rand()
    np.random.seed(0)
    with pytest.raises(KeyError), seeded(1, 2):
        np.random.rand()
        raise KeyError
    assert np.random.rand() == expected


def test_seeded_depends_on_the_whole_key():
    def draw(*key):
        with seeded(*key):
            return np.random.rand(), random.random()

    assert draw(1, 2) == draw(1, 2)
    assert len({draw(*key) for key in ((1, 2), (2, 1), (1, 3), (1, 2, 0, 1))}) == 4


@pytest.mark.parametrize(
    'wrong',
    [dict(num_shots=0), dict(num_episodes=0), dict(seed=-1), dict(query_rotation=10.0)],
)
def test_arguments_out_of_range(tiny_mp100, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        build(tiny_mp100, **wrong)


def test_category_larger_than_the_padding(tiny_mp100):
    pipeline = [dict(EPISODE[0], num_keypoints=2), *EPISODE[1:]]
    with pytest.raises(ValueError, match=r'KeypointPadding.num_keypoints=2 .*config file'):
        build(tiny_mp100, pipeline=pipeline)
