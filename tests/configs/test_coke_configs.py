"""Every shipped CoKe config builds all its parts, here on small converted data."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.registry import HOOKS

from kpt_plugins.apis import shipped_configs
from kpt_plugins.apis.model_loading import build_dataset, build_model, predict_items
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.datasets.objectnet3d_dataset import CATEGORIES
from kpt_plugins.datasets.pascal3d_keypoints import KEYPOINTS
from kpt_plugins.models.heads import CoKeHead
from tests.configs.coke_data import OBJECTNET3D, write_coke_data

PASCAL3D = [f'coke_pascal3d_{category}' for category in KEYPOINTS]
UNSEEN_POSE = 'coke_pascal3d_car_unseen_pose'
FAMILIES = [*PASCAL3D, UNSEEN_POSE, 'coke_objectnet3d', 'coke_mpii']
CONFIGS = {
    name: path
    for name, path in shipped_configs().items()
    if name.startswith(('coke_pascal3d_', 'coke_objectnet3d', 'coke_mpii'))
}
BASELINES = [f'{name}_heatmap' for name in FAMILIES]
HRNET = 'coke_mpii_hrnetw32'


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    """A root with every data set that the configs name."""
    root = tmp_path_factory.mktemp('data')
    write_coke_data(root, tmp_path_factory.mktemp('releases'))
    return root


@pytest.fixture(autouse=True)
def _root(data_root, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(data_root))


def records(cfg: Config, part: str) -> BaseDataset:
    """The dataset, without the seconds that MMEngine takes to pack its records for workers."""
    cfg[f'{part}_dataloader'].dataset.serialize_data = False
    return build_dataset(cfg, part)


def lighten(cfg: Config) -> Config:
    """A small ResNet in place of the large one."""
    cfg.model.backbone.update(depth=18, init_cfg=None)
    cfg.model.neck.in_channels = [128, 256, 512]
    cfg.model.neck.hidden_channels = [16, 16, 16]
    cfg.model.neck.out_channels = cfg.model.head.in_channels = 16
    return cfg


def test_the_issued_configs_are_shipped():
    assert set(CONFIGS) == {*FAMILIES, *BASELINES, HRNET}


@pytest.mark.parametrize('name', CONFIGS)
def test_builds(name):
    cfg = load_config(CONFIGS[name])
    with torch.device('meta'):  # shapes alone
        model = build_model(cfg)
    width, height = cfg.codec.input_size
    for part in ('train', 'test'):
        dataset = records(cfg, part)
        sample = dataset[len(dataset) - 1]
        data_sample = sample['data_samples']
        number = dataset.metainfo['num_keypoints']
        assert model.head.out_channels == number
        assert tuple(sample['inputs'].shape) == (3, height, width)
        assert data_sample.metainfo['input_box'].shape == (4, 2)
        assert len(data_sample.metainfo['flip_indices']) == number
        if part == 'train' and name in BASELINES:
            assert data_sample.gt_fields.heatmaps.shape == (number, height // 8, width // 8)
        if part == 'train' and name not in BASELINES:
            assert data_sample.gt_instance_labels.keypoint_labels.shape == (1, number, 2)
    with torch.device('meta'):
        (features,) = model.extract_feat(torch.empty(1, 3, height, width))
    stride = 4 if name == HRNET else 8
    assert features.shape == (1, model.head.in_channels, height // stride, width // stride)
    if name not in BASELINES:
        categories = len(cfg.categories) if name == 'coke_objectnet3d' else 1
        assert model.head.decoder.map_size == (width // stride, height // stride)
        assert model.head.bank.theta.shape == (categories * number, 128)
        assert model.head.clutter.mem.shape == (2560, 128)


@pytest.mark.parametrize('name', CONFIGS)
def test_has_what_a_run_needs(name):
    cfg = load_config(CONFIGS[name])
    hooks = {hook.type for hook in (*cfg.default_hooks.values(), *cfg.custom_hooks)}
    assert {'SafeCheckpointHook', 'EpochSeedHook', 'NonFiniteLossHook', 'SyncBuffersHook'} <= hooks
    banks = {'BankInitHook', 'BankResetHook', 'BankRefreshHook'}
    assert hooks & banks == (set() if name in BASELINES else banks)
    for hook in cfg.custom_hooks:
        HOOKS.build(hook)
    assert cfg.default_hooks.checkpoint.save_best is None and cfg.val_dataloader is None
    assert cfg.model_wrapper_cfg.broadcast_buffers is False
    assert cfg.auto_scale_lr.base_batch_size == cfg.train_dataloader.batch_size
    weights = 'hrnet_w32-36af842e.pth' if name == HRNET else 'torchvision://resnet50'
    assert cfg.model.backbone.init_cfg.checkpoint.endswith(weights)
    assert cfg.param_scheduler[1].end == cfg.train_cfg.max_epochs


@pytest.mark.parametrize('name', CONFIGS)
def test_says_what_mmpose_inferencer_asks_for(name):
    cfg = load_config(CONFIGS[name])
    assert cfg.visualizer.type == 'PoseLocalVisualizer' and cfg.data_mode == 'topdown'
    assert cfg.dataset_type == cfg.test_dataloader.dataset.type
    assert cfg.dataset_type == cfg.train_dataloader.dataset.type


@pytest.mark.parametrize('name', FAMILIES)
def test_baseline_differs_in_the_head_alone(name):
    """And in what belongs to it: targets, its hooks, its test options."""
    ours, base = (load_config(CONFIGS[n]).to_dict() for n in (name, f'{name}_heatmap'))
    for cfg in (ours, base):
        for entry in ('codec', 'heatmaps', 'separate', 'train_pipeline', 'custom_hooks'):
            cfg.pop(entry, None)
        cfg['model'].pop('head'), cfg['model'].pop('test_cfg')
        (target,) = (
            step
            for step in cfg['train_dataloader']['dataset']['pipeline']
            if step['type'] == 'GenerateTarget'
        )
        target.pop('encoder')
        for part in ('train', 'test'):
            for option in ('separate', 'num_keypoints'):
                cfg[f'{part}_dataloader']['dataset'].pop(option, None)
    assert ours == base


@pytest.mark.parametrize('category', KEYPOINTS)
def test_categories_of_pascal3d(category):
    for suffix in ('', '_heatmap'):
        cfg = load_config(CONFIGS[f'coke_pascal3d_{category}{suffix}'])
        for part, subset in (('train', 'train'), ('test', 'val')):
            dataset = records(cfg, part)
            assert dataset.ann_file.endswith(f'pascal3d/annotations/{category}_{subset}.json')
            names = tuple(dataset.metainfo['keypoint_id2name'].values())
            assert names == KEYPOINTS[category]


def test_unseen_poses():
    for name in (UNSEEN_POSE, f'{UNSEEN_POSE}_heatmap'):
        cfg = load_config(CONFIGS[name])
        bins = [{record['azimuth_bin'] for record in _infos(cfg, p)} for p in ('train', 'test')]
        assert bins == [{0, 3, 4, 7}, {1, 2, 5, 6}]


def _infos(cfg: Config, part: str) -> list[dict]:
    dataset = records(cfg, part)
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def test_categories_of_objectnet3d():
    cfg, base = (load_config(CONFIGS[f'coke_objectnet3d{s}']) for s in ('', '_heatmap'))
    assert cfg.categories == list(OBJECTNET3D)
    assert cfg.category_ids == [CATEGORIES.index(name) + 1 for name in cfg.categories]
    assert cfg.num_keypoints == max(OBJECTNET3D.values())
    assert base.model.head.out_channels == sum(OBJECTNET3D.values())
    for config in (cfg, base):
        sizes = {r['category']: r['num_keypoints'] for r in _infos(config, 'train')}
        assert sizes == OBJECTNET3D
        assert not any('Flip' in step.type for step in config.train_pipeline)


@pytest.mark.parametrize('name', CONFIGS)
def test_metrics_of_perfect_predictions(name):
    """The records have what the metrics need: boxes, head sizes, groups."""
    cfg = load_config(CONFIGS[name])
    scores = evaluate(cfg)
    if 'coke_mpii' in name:
        assert scores['PCK'] == pytest.approx(100)
        return
    assert scores['occlusion/PCK_visible'] == 100
    groups = {key.split('/')[1].split('=')[0] for key in scores if '=' in key}
    by = 'category' if 'objectnet3d' in name else 'occlusion_level'
    assert groups == {by, 'azimuth_bin'}
    if by == 'category':
        assert scores['occlusion/category=wheelchair/PCK_visible'] == 100


def evaluate(cfg: Config) -> dict[str, float]:
    """Scores of perfect predictions that are sure of every keypoint."""
    dataset = records(cfg, 'test')
    evaluator = Evaluator(cfg.test_evaluator)
    evaluator.dataset_meta = dataset.metainfo
    samples = [dataset[i]['data_samples'] for i in range(len(dataset))]
    offset = 1 if cfg.test_evaluator[0].type == 'MpiiPCKAccuracy' else 0
    for sample in samples:
        truth = sample.gt_instances
        sample.pred_instances = InstanceData(
            keypoints=truth.keypoints - offset,
            keypoint_scores=1.0 * truth.keypoints_visible,
        )
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


@pytest.mark.parametrize('name', ['coke_pascal3d_car', 'coke_pascal3d_car_heatmap'])
def test_occluded_set_takes_two_options(name, data_root):
    """Those in the head of coke_pascal3d_car.py."""
    stated = CONFIGS['coke_pascal3d_car'].read_text()
    for option in ('type=OccludedPascal3DDataset', 'data_root=data/occluded_pascal3d'):
        assert f'test_dataloader.dataset.{option}' in stated
    options = {
        'test_dataloader.dataset.type': 'OccludedPascal3DDataset',
        'test_dataloader.dataset.data_root': str(data_root / 'occluded_pascal3d'),
    }
    cfg = load_config(CONFIGS[name], options)
    assert len(records(cfg, 'test')) == 3 * 8
    scores = evaluate(cfg)
    for level in (1, 2, 3):
        assert scores[f'occlusion/occlusion_level={level}/PCK_visible'] == 100
        assert scores[f'occlusion/occlusion_level={level}/PCK_occluded'] == 100


@pytest.mark.parametrize('name', ['coke_pascal3d_car', 'coke_objectnet3d', 'coke_mpii'])
@pytest.mark.parametrize('suffix', ['', '_heatmap'])
def test_trains_and_predicts(name, suffix):
    """Losses with gradients from a batch of the training, keypoints for one of the test."""
    cfg = lighten(load_config(CONFIGS[f'{name}{suffix}']))
    torch.manual_seed(0)
    model = build_model(cfg).train()
    dataset = records(cfg, 'train')
    for _ in range(2):  # the first batch makes the prototypes
        batch = pseudo_collate([dataset[0], dataset[len(dataset) - 1]])
        data = model.data_preprocessor(batch, training=True)
        losses = model(**data, mode='loss')
    total = sum(value for key, value in losses.items() if key.startswith('loss'))
    assert torch.isfinite(total) and total > 0
    total.backward()
    assert model.backbone.conv1.weight.grad.abs().sum() > 0
    test = records(cfg, 'test')
    number = test.metainfo['num_keypoints']
    model.eval()
    for sample in predict_items(model, [test[0], test[len(test) - 1]]):
        assert sample.pred_instances.keypoints.shape == (1, number, 2)
        assert sample.pred_instances.keypoint_scores.shape == (1, number)
    if not suffix:
        assert isinstance(model.head, CoKeHead)
        seen = model.head.bank.count.view(model.head.num_classes, -1) > 0
        expected = 2 if name == 'coke_objectnet3d' else 1  # first and last category
        assert int(seen.any(dim=1).sum()) == expected


def test_hrnet_trains():
    cfg = load_config(CONFIGS[HRNET], {'model.backbone.init_cfg': None})
    for stage, number in (('stage1', 1), ('stage2', 2), ('stage3', 3), ('stage4', 4)):
        channels = [8 * 2**i for i in range(number)] if number > 1 else [8]
        cfg.model.backbone.extra[stage].update(
            num_modules=1, num_blocks=[1] * number, num_channels=channels
        )
    cfg.model.head.in_channels = 8 + 16 + 32 + 64
    model = build_model(cfg).train()
    dataset = records(cfg, 'train')
    for _ in range(2):  # the first batch makes the prototypes
        data = model.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]), training=True)
        losses = model(**data, mode='loss')
    sum(value for key, value in losses.items() if key.startswith('loss')).backward()
    assert model.backbone.conv1.weight.grad.abs().sum() > 0


@pytest.mark.parametrize('part', ['train', 'test'])
@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('coke_pascal3d_bus', 'bus_(train|val).json.*cvgl.stanford.edu.*pascal3d_to_coco.py'),
        ('coke_objectnet3d', 'objectnet3d_(train|val).json.*cvgl.*objectnet3d_to_coco.py'),
        ('coke_mpii', 'mpii_(train|val).json.*human-pose.mpi-inf.mpg.de'),
    ],
)
def test_missing_data(name, words, part, tmp_path, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tmp_path))
    for suffix in ('', '_heatmap'):
        with pytest.raises(FileNotFoundError, match=f'{tmp_path}.*there is no such.*{words}'):
            build_dataset(load_config(CONFIGS[f'{name}{suffix}']), part)


def test_heads_of_configs_say_the_size():
    for category, names in KEYPOINTS.items():
        text = CONFIGS[f'coke_pascal3d_{category}'].read_text()
        assert f'{len(names)} keypoints' in text.split('\n\n')[0] and category in text
