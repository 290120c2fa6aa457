"""Every shipped weak-shot config that needs no foreign package builds, on small drawn data."""

import json
import shutil

import pytest
import torch

from kpt_plugins.apis import shipped_configs
from kpt_plugins.apis.model_loading import build_dataset, build_model
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.datasets.mp100_splits import get_test_ids, get_train_ids
from tests.helpers import write_json, write_tiny_mp100

SPLITS = [f'weakshot_mp100_split{split}' for split in range(1, 6)]
OWN = [*SPLITS, 'weakshot_bird', 'weakshot_synth', 'weakshot_custom']
CONFIGS = shipped_configs()
BIRDS = {'train': ['Grebe', 'Gull'], 'val': ['Wren'], 'test': ['Woodpecker', 'Tern']}


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    """A root with every data set that the configs name; some categories of split 1 are birds."""
    root = tmp_path_factory.mktemp('data')
    for split in range(1, 6):
        write_tiny_mp100(root / 'mp100', f'mp100_split{split}', split, num_images=4)
    write_tiny_mp100(root / 'synth', 'synth', num_images=4)
    write_tiny_mp100(root / 'custom', 'own', split=2, num_images=4)
    (root / 'custom/annotations/own_train.json').rename(root / 'custom/annotations/base.json')
    birds = root / 'birds' / 'mp100'
    (birds / 'images').parent.mkdir(parents=True)
    (birds / 'images').symlink_to(root / 'mp100' / 'images')
    for subset, names in BIRDS.items():
        name = f'annotations/mp100_split1_{subset}.json'
        content = json.loads((root / 'mp100' / name).read_text())
        rename_birds(content, names)
        write_json(birds / name, content)
    return root


def rename_birds(content, names):
    """The first categories become birds with four keypoints."""
    for category, name in zip(content['categories'], names, strict=False):
        category.update(name=name, keypoints=[], skeleton=[])
        for annotation in content['annotations']:
            if annotation['category_id'] == category['id']:
                annotation['keypoints'] = [20, 20, 2, 30, 40, 2, 40, 20, 2, 22, 33, 2]
                annotation['num_keypoints'] = 4


def load(name, root, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(root / 'birds' if 'bird' in name else root))
    cfg = load_config(CONFIGS[name])
    cfg.model.backbone.pop('init_cfg', None)
    return cfg


def test_the_issued_configs_are_shipped():
    assert set(OWN) <= set(CONFIGS)


@pytest.mark.parametrize('name', OWN)
def test_builds(name, data_root, monkeypatch):
    cfg = load(name, data_root, monkeypatch)
    with torch.device('meta'):
        model = build_model(cfg)
    training = build_dataset(cfg, 'train')
    assert cfg.train_dataloader.dataset.max_keypoints == model.head.num_prompts
    kinds = {image['data_samples'].is_base for i in range(4) for image in training[i]}
    assert kinds == {True, False}
    assert len(training) == cfg.train_dataloader.dataset.num_pairs
    assert cfg.train_dataloader.sampler.type == 'BaseNovelPairSampler'
    assert cfg.train_dataloader.collate_fn.type == 'pair_collate'
    for part in ('val', 'test'):
        dataset = build_dataset(cfg, part)
        assert {role for _, role, _ in dataset.images} >= {'fit'}
        assert dataset[0]['inputs'].shape == training[0][0]['inputs'].shape
        # what is tested was not trained on, and the other way round
        for category, pool in dataset.pools.items():
            if category in training.pools and part == 'test':
                count = len(training.pools[category].train)
                assert count == len(pool.train) or name == 'weakshot_custom'
    assert [metric['type'] for metric in cfg.val_evaluator] == [
        'WeakShotKeypointMetric',
        'MeanPoseMetric',
    ]


@pytest.mark.parametrize('name', OWN)
def test_has_what_a_run_needs(name, data_root, monkeypatch):
    cfg = load(name, data_root, monkeypatch)
    hooks = {hook['type'] for hook in (*cfg.default_hooks.values(), *cfg.custom_hooks)}
    needed = {'SafeCheckpointHook', 'EpisodeEpochHook', 'NovelWarmupHook', 'PromptUsageHook'}
    assert needed <= hooks
    assert cfg.default_hooks.checkpoint.save_best is None
    assert cfg.auto_scale_lr.base_batch_size == cfg.train_dataloader.batch_size
    assert set(cfg.model.losses) == {
        'prompt',
        'keyness',
        'correspondence',
        'guiding',
        'consistency',
        'equivariance',
        'localization',
    }


@pytest.mark.parametrize('split', range(1, 6))
def test_splits(split, data_root, monkeypatch):
    dataset = build_dataset(load(f'weakshot_mp100_split{split}', data_root, monkeypatch), 'train')
    base = {i for i, pool in dataset.pools.items() if pool.is_base}
    assert base <= set(get_train_ids(split))
    assert set(dataset.pools) - base <= set(get_test_ids(split))


def test_birds_are_one_novel_category(data_root, monkeypatch):
    dataset = build_dataset(load('weakshot_bird', data_root, monkeypatch), 'train')
    novel = [pool for pool in dataset.pools.values() if not pool.is_base]
    assert [pool.group.name for pool in novel] == ['bird']
    assert len(novel[0].group.members) == 5
    assert {number for number, _ in novel[0].train} == {1, 2, 3}  # from all three files
    base = [pool for pool in dataset.pools.values() if pool.is_base]
    assert len(base) == 4 and not {p.group.name for p in base} & {'Grebe', 'Gull'}


def test_custom_takes_folders_without_labels(data_root, monkeypatch, tmp_path):
    cfg = load('weakshot_custom', data_root, monkeypatch)
    dataset = build_dataset(cfg, 'train')
    novel = [pool for pool in dataset.pools.values() if not pool.is_base]
    # the folders of the val and test categories, whose labels nobody reads
    assert len(novel) == 12
    assert all(pool.keypoint_names == () and not pool.test for pool in novel)
    assert not any(c['is_base'] is False for c in build_dataset(cfg, 'test').metainfo['categories'])
    shutil.copytree(data_root / 'custom', tmp_path / 'mine')
    cfg = load_config(CONFIGS['weakshot_custom'], dict(data_root=str(tmp_path / 'mine')))
    sample = build_dataset(cfg, 'train')[0][0]['data_samples']
    assert sample.img_path.startswith(str(tmp_path / 'mine'))


def test_ablations_of_the_comments(data_root, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(data_root))
    names = ('guiding', 'consistency', 'equivariance', 'localization')
    cfg = load_config(
        CONFIGS['weakshot_synth'],
        {
            **{f'model.losses.{name}': None for name in names},
            'train_dataloader.dataset.novel_labels': True,
        },
    )
    assert set(build_model(cfg).losses) == {'prompt', 'keyness', 'correspondence'}
    dataset = build_dataset(cfg, 'train')
    assert all(image['data_samples'].is_base for i in range(6) for image in dataset[i])
