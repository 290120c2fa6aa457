import json
import shutil
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch

from kpt_plugins.datasets import pair_collate
from kpt_plugins.datasets.mp100_splits import get_category_ids
from tests.datasets.weak_shot_data import CROP, LOAD, pair_dataset, records
from tests.helpers import coco_file, write_coco

BASE, NOVEL = (list(get_category_ids(1, subset)[:6]) for subset in ('train', 'test'))


def all_pairs(dataset):
    return [dataset.get_pair(i) for i in range(len(dataset))]


def leaves(value, path=''):
    """All arrays, tensors and plain values inside a packed sample, by path."""
    if hasattr(value, 'all_items'):
        value = dict(value.all_items())
    if isinstance(value, dict):
        found = {}
        for key, part in value.items():
            found.update(leaves(part, f'{path}.{key}'))
        return found
    if isinstance(value, (list, tuple)):
        found = {}
        for number, part in enumerate(value):
            found.update(leaves(part, f'{path}.{number}'))
        return found
    return {path: np.asarray(value)}


def same(a, b):
    first, second = leaves(a), leaves(b)
    return first.keys() == second.keys() and all(
        first[key].dtype == second[key].dtype and np.array_equal(first[key], second[key])
        for key in first
    )


def rewrite(root, target, subset, change):
    """A copy of a tiny MP-100 root whose annotations of one subset are changed."""
    (target / 'annotations').mkdir(parents=True)
    (target / 'images').symlink_to(root / 'images')
    for path in (root / 'annotations').glob('mp100_split1_*.json'):
        shutil.copy(path, target / 'annotations' / path.name)
    path = target / 'annotations' / f'mp100_split1_{subset}.json'
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return target


class TestDraw:
    def test_pairs_are_two_training_instances_of_one_category(self, tiny_mp100):
        dataset = pair_dataset(tiny_mp100)
        assert len(dataset) == 2 * 6 * 18  # 90 % of 20 images
        for category, (first, second) in all_pairs(dataset):
            assert first != second
            assert {first, second} <= set(dataset.pools[category].train)

    def test_base_and_novel_alternate_and_categories_are_balanced(self, tiny_mp100):
        dataset = pair_dataset(tiny_mp100)
        kinds = [category in BASE for category, _ in all_pairs(dataset)]
        assert all(kinds[i] != kinds[i + 1] for i in range(len(kinds) - 1))
        counts = Counter(category for category, _ in all_pairs(dataset))
        assert counts == dict.fromkeys(BASE + NOVEL, 18)
        for start in range(0, len(dataset), 12):  # a round of all
            assert len({c for c, _ in all_pairs(dataset)[start : start + 12]}) == 12

    @pytest.mark.parametrize('ratio', [0.0, 0.25, 0.7, 1.0])
    def test_ratio_holds_in_every_run(self, tiny_mp100, ratio):
        dataset = pair_dataset(tiny_mp100, base_ratio=ratio, num_pairs=200)
        kinds = np.array([category in BASE for category, _ in all_pairs(dataset)])
        assert kinds.mean() == pytest.approx(ratio, abs=1e-9)
        for start in range(0, 200, 20):
            assert kinds[start : start + 20].sum() == pytest.approx(20 * ratio, abs=1)

    def test_depends_on_seed_and_epoch_alone(self, tiny_mp100):
        dataset, again, other = (pair_dataset(tiny_mp100, seed=seed) for seed in (3, 3, 4))
        first = all_pairs(dataset)
        assert first == all_pairs(again) != all_pairs(other)
        dataset.set_epoch(2)
        assert dataset.epoch == 2 and all_pairs(dataset) != first
        again.set_epoch(2)
        assert same(dataset[5], again[5])
        np.random.seed(1)
        assert same(dataset[5], again[5]) and not same(dataset[5], dataset[7])
        dataset.set_epoch(0)
        assert all_pairs(dataset) == first

    def test_every_instance_is_drawn(self, tiny_mp100):
        dataset = pair_dataset(tiny_mp100, num_pairs=2400)
        seen = defaultdict(set)
        for category, addresses in all_pairs(dataset):
            seen[category].update(addresses)
        assert {c: len(addresses) for c, addresses in seen.items()} == {
            **dict.fromkeys(BASE, 18),
            **dict.fromkeys(NOVEL, 14),
        }

    def test_index_out_of_range(self, tiny_mp100):
        with pytest.raises(IndexError, match='pair 3 of 3'):
            pair_dataset(tiny_mp100, num_pairs=3).get_pair(3)


class TestItem:
    def test_base_pair_has_labels_of_the_crop(self, tiny_mp100):
        dataset = pair_dataset(tiny_mp100, base_ratio=1.0, novel=None)
        for image in dataset[0] + dataset[3]:
            assert image['inputs'].dtype == torch.uint8 and image['inputs'].shape == (3, 32, 32)
            sample = image['data_samples']
            assert sample.is_base is True and sample.role == 'train'
            count = dataset.pools[sample.category_id].group.num_keypoints
            label = sample.gt_instance_labels
            assert label.keypoints.shape == (1, count, 2)
            assert label.keypoints_visible.shape == (1, count)
            assert label.keypoints.dtype == label.keypoints_visible.dtype == torch.float32
            assert ((label.keypoints >= 0) & (label.keypoints < 1)).all()
            # the crop's matrix leads back to the image
            matrix = sample.crop_to_image
            back = (label.keypoints[0].numpy() * 32) @ matrix[:, :2].T + matrix[:, 2]
            seen = label.keypoints_visible[0].numpy() > 0
            assert seen.any()
            np.testing.assert_allclose(
                back[seen], sample.gt_instances.keypoints[0][seen], atol=1e-3
            )

    def test_keypoints_outside_the_crop_are_not_visible(self, tiny_mp100):
        tight = [LOAD[0], dict(type='GetBBoxCenterScale', padding=0.5), *CROP]
        dataset = pair_dataset(tiny_mp100, base_ratio=1.0, novel=None, pipeline=tight)
        label = dataset[0][0]['data_samples'].gt_instance_labels
        visible = label.keypoints_visible[0] > 0
        assert not visible.all()
        assert (label.keypoints[0][~visible] == 0).all()

    def test_novel_pair_has_no_keypoints(self, tiny_mp100):
        dataset = pair_dataset(tiny_mp100, base_ratio=0.0)
        for image in dataset[0]:
            sample = image['data_samples']
            assert sample.is_base is False
            assert 'gt_instance_labels' not in sample
            assert list(sample.gt_instances.keys()) == ['bboxes']
            assert not any('keypoint' in path or 'ann' in path for path in leaves(sample))
        novel = [c for c in dataset.metainfo['categories'] if not c['is_base']]
        assert [set(c) for c in novel] == [{'id', 'name', 'is_base'}] * 6

    def test_collate(self, tiny_mp100):
        dataset = pair_dataset(tiny_mp100)
        pairs = [dataset[i] for i in range(3)]
        batch = pair_collate(pairs)
        assert len(batch['inputs']) == len(batch['data_samples']) == 6
        assert torch.equal(batch['inputs'][3], pairs[1][1]['inputs'])
        assert batch['data_samples'][4] is pairs[2][0]['data_samples']
        ids = [sample.category_id for sample in batch['data_samples']]
        assert ids[::2] == ids[1::2]


def shuffle_keypoints(content):
    """Other coordinates and visibilities, of another instance or anywhere."""
    rng = np.random.default_rng(0)
    for annotation in content['annotations']:
        count = len(annotation['keypoints']) // 3
        points = rng.uniform(0, 64, (count, 2)).round(2)
        visible = rng.integers(0, 3, count)
        visible[rng.integers(count)] = 2
        triplets = np.concatenate([points, visible[:, None]], axis=1)
        annotation['keypoints'] = triplets.reshape(-1).tolist()
        annotation['num_keypoints'] = int((visible > 0).sum())
    for category in content['categories']:
        category['skeleton'] = []


def hide_keypoints(content):
    """A third without visible keypoints, a third without any."""
    for annotation in content['annotations'][::3]:
        annotation['keypoints'][2::3] = [0] * (len(annotation['keypoints']) // 3)
        annotation['num_keypoints'] = 0
    for annotation in content['annotations'][1::3]:
        annotation['keypoints'] = []


def remove_keypoints(content):
    for annotation in content['annotations']:
        del annotation['keypoints'], annotation['num_keypoints']


NOVEL_CHANGES = (shuffle_keypoints, hide_keypoints, remove_keypoints)


class TestLeak:
    @pytest.mark.parametrize('change', NOVEL_CHANGES)
    def test_novel_keypoints_do_not_change_one_bit(self, tiny_mp100, tmp_path, change):
        changed = rewrite(tiny_mp100, tmp_path / 'data', 'test', change)
        # the same path of the images, which is packed too
        novel = records(changed, 'test')
        novel['data_prefix'] = dict(img=str(tiny_mp100 / 'images'))
        one, two = pair_dataset(tiny_mp100), pair_dataset(tiny_mp100, novel=novel)
        assert one.metainfo == two.metainfo
        for epoch in (0, 1):
            one.set_epoch(epoch)
            two.set_epoch(epoch)
            for index in range(0, 40):
                assert same(one[index], two[index]), index

    def test_base_keypoints_do(self, tiny_mp100, tmp_path):
        """So the test above can fail."""
        changed = rewrite(tiny_mp100, tmp_path / 'data', 'train', shuffle_keypoints)
        base = records(changed, 'train')
        base['data_prefix'] = dict(img=str(tiny_mp100 / 'images'))
        one, two = pair_dataset(tiny_mp100), pair_dataset(tiny_mp100, base=base)
        different = [i for i in range(20) if not same(one[i], two[i])]
        assert different == [i for i in range(20) if one.base_place(i)[0]]

    def test_labels_of_novel_pairs_only_for_the_oracle(self, tiny_mp100):
        dataset = pair_dataset(tiny_mp100, base_ratio=0.0, novel_labels=True)
        sample = dataset[0][0]['data_samples']
        assert sample.is_base is True
        count = dataset.pools[sample.category_id].group.num_keypoints
        assert sample.gt_instance_labels.keypoints.shape == (1, count, 2)
        evaluated = pair_dataset(tiny_mp100, novel_labels=True, test_mode=True)
        assert not evaluated[len(evaluated) - 1]['data_samples'].is_base


class TestEvaluationList:
    def test_roles_and_counts(self, tiny_mp100):
        dataset = pair_dataset(tiny_mp100, test_mode=True)
        counts = Counter((category, role) for category, role, _ in dataset.images)
        assert counts == {
            **{(c, 'fit'): 18 for c in BASE},
            **{(c, 'test'): 2 for c in BASE},
            **{(c, 'fit'): 14 for c in NOVEL},
            **{(c, 'test'): 6 for c in NOVEL},
        }
        assert len(dataset) == 240
        sample = dataset[239]['data_samples']
        assert sample.role == 'test' and sample.is_base is False and sample.index == 239
        assert sample.gt_instances.keypoints.shape[0] == 1

    def test_images_of_training_are_never_tested(self, tiny_mp100):
        training = pair_dataset(tiny_mp100)
        evaluated = pair_dataset(tiny_mp100, test_mode=True)
        for category, pool in training.pools.items():
            tested = [a for c, role, a in evaluated.images if (c, role) == (category, 'test')]
            fitted = [a for c, role, a in evaluated.images if (c, role) == (category, 'fit')]
            assert not set(pool.train) & set(tested)
            assert set(pool.train) == set(fitted)

    def test_instances_of_one_image_stay_together(self, tmp_path):
        content = coco_file(num_images=10)
        for annotation in list(content['annotations']):
            content['annotations'].append(dict(annotation, id=annotation['id'] + 100))
        write_coco(tmp_path, content)
        novel = dict(
            type='MP100Dataset', _scope_='mmpose', data_root=str(tmp_path), ann_file='ann.json'
        )
        dataset = pair_dataset(tmp_path, base=None, base_ratio=0.0, novel=novel)
        pool = dataset.pools[1]
        images = [
            {dataset.datasets[0].get_data_info(i)['img_id'] for _, i in part}
            for part in (pool.train, pool.test)
        ]
        assert len(pool.train) == 14 and len(pool.test) == 6
        assert not images[0] & images[1] and len(images[0]) == 7

    def test_transductive(self, tiny_mp100):
        training = pair_dataset(tiny_mp100, transductive=True)
        evaluated = pair_dataset(tiny_mp100, transductive=True, test_mode=True)
        counts = Counter((category, role) for category, role, _ in evaluated.images)
        for category in NOVEL:
            assert len(training.pools[category].train) == 20
            assert counts[category, 'fit'] == counts[category, 'test'] == 20
        for category in BASE:  # base images are still held out
            assert counts[category, 'test'] == 2

    def test_max_images(self, tiny_mp100):
        dataset = pair_dataset(tiny_mp100, test_mode=True, max_images=3)
        counts = Counter((category, role) for category, role, _ in dataset.images)
        assert counts[NOVEL[0], 'fit'] == counts[NOVEL[0], 'test'] == 3
        assert counts[BASE[0], 'test'] == 2

    def test_split_depends_on_its_seed(self, tiny_mp100):
        parts = [
            pair_dataset(tiny_mp100, split_seed=seed, seed=other).pools[NOVEL[0]].train
            for seed, other in ((0, 0), (0, 9), (1, 0))
        ]
        assert parts[0] == parts[1] != parts[2]


class TestClasses:
    def test_one_file_by_id(self, tiny_mp100):
        dataset = pair_dataset(
            tiny_mp100, novel='train', base_classes=BASE[:4], novel_classes=BASE[4:]
        )
        assert [p.group.id for p in dataset.pools.values() if p.is_base] == BASE[:4]
        assert [p.group.id for p in dataset.pools.values() if not p.is_base] == BASE[4:]

    def test_base_is_what_novel_does_not_name(self, tiny_mp100):
        dataset = pair_dataset(tiny_mp100, novel='train', novel_classes=BASE[:1])
        assert [p.group.id for p in dataset.pools.values() if p.is_base] == BASE[1:]

    def test_merged_from_several_files(self, tiny_mp100):
        """Categories 1 and 7 mod 6 have the same number of keypoints in the tiny data."""
        content = {i: i % 6 for i in BASE + NOVEL}
        base, novel = next((b, n) for b in BASE for n in NOVEL if content[b] == content[n])
        dataset = pair_dataset(
            tiny_mp100,
            novel=[records(tiny_mp100, 'train'), records(tiny_mp100, 'test')],
            novel_classes=['both'],
            merge_classes={'both': [base, novel]},
        )
        pool = dataset.pools[base]
        assert pool.group.members == (base, novel) and pool.group.name == 'both'
        assert len(pool.train) == 28 and {number for number, _ in pool.train} == {1, 2}
        assert not pool.is_base
        drawn = [pair for pair in all_pairs(dataset) if pair[0] == base]
        assert any(a[0] != b[0] for _, (a, b) in drawn)  # pairs across the merged categories
        assert base not in [p.group.id for p in dataset.pools.values() if p.is_base]


class TestErrors:
    @pytest.mark.parametrize(
        ('kwargs', 'message'),
        [
            (dict(base_ratio=1.5), 'base_ratio=1.5, expected 0 to 1'),
            (dict(novel_train_ratio=-0.1), 'novel_train_ratio=-0.1, expected 0 to 1'),
            (dict(num_pairs=0), 'num_pairs=0, expected at least 1'),
            (dict(max_images=0), 'max_images=0, expected at least 1'),
            (dict(seed=-1), 'seed=-1, expected at least 0'),
            (dict(novel='train'), rf'overlap, by id: {BASE[0]} \('),
            (dict(base_classes=BASE[:1], novel='train', novel_classes=BASE[:2]), 'disjoint lists'),
            (dict(base_classes=[77]), 'base_classes: no usable instance of 77'),
            (dict(novel_classes=['cow']), "novel_classes: no usable instance of 'cow'"),
            (dict(novel=None), r'no novel image; .*base_ratio=1'),
            (dict(novel_classes=[]), r'no novel image; .*base_ratio=1'),
            (dict(base=None), r'no base image; .*base_ratio=0'),
            (dict(max_keypoints=4), r'has \d+ keypoints, more than the 4 prompts'),
            (dict(base=None, novel=None, test_mode=True), 'nothing to evaluate'),
            (
                dict(novel_train_ratio=0.04),
                rf'by novel category id: {NOVEL[0]} .*: 1 of 20; .*novel_train_ratio',
            ),
        ],
    )
    def test_message(self, tiny_mp100, kwargs, message):
        with pytest.raises(ValueError, match=message):
            pair_dataset(tiny_mp100, **kwargs)

    def test_category_with_a_single_image(self, tmp_path, tiny_mp100):
        single = write_other(tmp_path, num_images=1)
        with pytest.raises(ValueError, match=r'by novel category id: 900 \(thing\): 1 of 1'):
            pair_dataset(tiny_mp100, novel=single)
        with pytest.raises(ValueError, match=r'by base category id: 900 \(thing\): 1 of 1'):
            pair_dataset(tiny_mp100, base=single)

    def test_base_category_without_labels(self, tiny_mp100):
        folders = dict(type='CategoryFolderDataset', _scope_='mmpose', data_root=str(tiny_mp100))
        with pytest.raises(ValueError, match=r'base category 1 \(thing_.*\) has no labels'):
            pair_dataset(tiny_mp100, base=folders, novel=None, base_ratio=1.0)

    def test_base_category_of_which_nothing_is_visible(self, tiny_mp100, tmp_path):
        def hide(content):
            for annotation in content['annotations']:
                if annotation['category_id'] == BASE[1]:
                    annotation['keypoints'][2::3] = [0] * len(annotation['keypoints'][2::3])

        root = rewrite(tiny_mp100, tmp_path / 'hidden', 'train', hide)
        with pytest.raises(ValueError, match=rf'base categories {BASE[1]} \(thing \d+\) have no'):
            pair_dataset(root)
        # as a novel category of the same file it may be so
        dataset = pair_dataset(root, novel='train', novel_classes=[BASE[1]])
        assert [i for i, pool in dataset.pools.items() if not pool.is_base] == [BASE[1]]
        merged = dict(all=[BASE[1]])
        pair_dataset(root, novel='train', novel_classes=['all'], merge_classes=merged)
        rest = [i for i in BASE if i != BASE[1]]
        assert len(pair_dataset(root, base_classes=rest).pools) == 11
        assert len(pair_dataset(root, base=records(root, 'train', category_ids=rest)).pools) == 11
        with pytest.raises(ValueError, match=f'base_classes: no usable instance of {BASE[1]}'):
            pair_dataset(root, base_classes=BASE)

    def test_labels_do_not_choose_novel_images(self, tiny_mp100):
        with pytest.raises(ValueError, match='novel records with min_visible=2: their labels'):
            pair_dataset(tiny_mp100, novel=records(tiny_mp100, 'test', min_visible=2))

    def test_one_name_in_both_lists(self, tiny_mp100):
        with pytest.raises(ValueError, match=r"\['cow'\] stand in base_classes and in novel_cl"):
            pair_dataset(tiny_mp100, base_classes=['cow', 'elk'], novel_classes=['ape', 'cow'])

    def test_max_keypoints_is_for_labelled_categories(self, tiny_mp100, tmp_path):
        many = write_other(tmp_path, num_keypoints=13, num_images=8)
        pair_dataset(tiny_mp100, novel=many, max_keypoints=12)
        with pytest.raises(ValueError, match='has 13 keypoints, more than the 12'):
            pair_dataset(tiny_mp100, novel=many, max_keypoints=12, novel_labels=True)


def write_other(root, **kwargs):
    """Config of the records of a file with one category, 900."""
    content = coco_file(**kwargs)
    for item in (*content['categories'], *content['annotations']):
        item['id' if 'keypoints' in item and 'name' in item else 'category_id'] = 900
    write_coco(root, content)
    return dict(type='MP100Dataset', _scope_='mmpose', data_root=str(root), ann_file='ann.json')


def test_real_images(kpt_data):
    root = kpt_data / 'minicape'

    def part(name):
        return dict(
            type='MP100Dataset',
            _scope_='mmpose',
            data_root=str(root),
            ann_file=f'annotations/minicape_{name}.json',
        )

    dataset = pair_dataset(
        root, base=part('train'), novel=[part('val'), part('test')], num_pairs=20
    )
    novel = [pool for pool in dataset.pools.values() if not pool.is_base]
    assert [(p.group.name, len(p.train), len(p.test)) for p in novel] == [
        ('lips', 84, 36),
        ('sheep_18', 84, 36),
        ('openfield_mouse', 81, 35),
    ]
    for index in range(20):
        for image in dataset[index]:
            sample = image['data_samples']
            assert image['inputs'].float().std() > 1
            assert sample.is_base == ('gt_instance_labels' in sample)
