"""The CoKe configs that train on a CPU, and the one for own data, here on small drawn data."""

from __future__ import annotations

import argparse
import copy
import itertools
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config, DictAction
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmpose.apis import MMPoseInferencer, inference_topdown, init_model
from mmpose.registry import DATASETS, HOOKS

from kpt_plugins.apis import shipped_configs
from kpt_plugins.apis.model_loading import build_dataset, build_model, predict_items
from kpt_plugins.apis.occlusion_benchmark import occlusion_config
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.datasets.livestock_dataset import NAMES
from kpt_plugins.models.heads import CoKeHead
from kpt_plugins.synthesis import build_category
from tests.helpers import coco_file, write_json
from tests.test_docs import example
from tests.tools.tool import load_tool

SPECIES = ('cattle', 'horse', 'sheep')
FAMILIES = [*(f'coke_livestock_{name}' for name in SPECIES), 'coke_synth']
BASELINES = [f'{name}{end}' for name in FAMILIES for end in ('_heatmap', '_simplebaseline')]
COKE = [*FAMILIES, 'coke_livestock', 'coke_custom']
CONFIGS = {name: shipped_configs()[name] for name in [*COKE, *BASELINES]}
NUM_IMAGES = 8
_names = itertools.count()


@pytest.fixture(scope='module')
def data_root(tmp_path_factory) -> Path:
    """A root with every data set that the configs name."""
    root = tmp_path_factory.mktemp('data')
    for number, species in enumerate(SPECIES, 1):
        files = [f'{species}_train', f'{species}_test']
        write_coco(root / 'livestock', files, NAMES, number, species)
    quadruped = build_category(3, 0).record()
    write_coco(root / 'synth_quadruped', ['synth_train'], quadruped['keypoints'], 1, 'quadruped')
    write_coco(root / 'custom', ['train', 'test'], [f'p{k}' for k in range(12)], 1, 'thing')
    return root


def write_coco(root: Path, files: list[str], names: list[str], number: int, category: str) -> None:
    """Grey images with a dot at each keypoint."""
    rng = np.random.default_rng(number)
    content = coco_file(len(names), num_images=NUM_IMAGES)
    content['categories'][0].update(id=number, name=category, keypoints=list(names))
    (root / 'images').mkdir(parents=True, exist_ok=True)
    for image, record in zip(content['images'], content['annotations'], strict=True):
        points = rng.uniform(20, 120, (len(names), 2)).round(1)
        pixels = np.full((150, 200, 3), 90, np.uint8)
        for x, y in points.round().astype(int).tolist():
            cv2.circle(pixels, (x, y), 2, (40, 200, 250), -1)
        image.update(file_name=f'{category}{image["file_name"]}', width=200, height=150)
        cv2.imwrite(str(root / 'images' / image['file_name']), pixels)
        keypoints = np.column_stack([points, np.full(len(names), 2)]).ravel().tolist()
        record.update(bbox=[10, 10, 120, 120], keypoints=keypoints, category_id=number)
    for name in files:
        write_json(root / 'annotations' / f'{name}.json', content)


@pytest.fixture(autouse=True)
def _root(data_root, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(data_root))


def load(name: str) -> Config:
    cfg = load_config(CONFIGS[name])
    for part in ('train', 'test'):
        dataset = cfg[f'{part}_dataloader'].dataset
        for data in dataset.get('datasets', [dataset]):
            # MMEngine takes seconds to pack the records for workers.
            data.serialize_data = False
            if 'indices' in data:
                data.indices = -3 if part == 'test' else 5
    if name == 'coke_custom':
        cfg.model.backbone.init_cfg = None
    return cfg


@pytest.mark.parametrize('name', CONFIGS)
def test_builds(name):
    cfg = load(name)
    with torch.device('meta'):  # shapes alone
        model = build_model(cfg)
    width, height = cfg.codec.input_size
    stride = 8 if name == 'coke_custom' else 4
    cells = (height // stride, width // stride)
    for part in ('train', 'test'):
        dataset = build_dataset(cfg, part)
        sample = dataset[len(dataset) - 1]
        data_sample = sample['data_samples']
        number = dataset.metainfo['num_keypoints']
        assert model.head.out_channels == number
        assert tuple(sample['inputs'].shape) == (3, height, width)
        assert data_sample.metainfo['input_box'].shape == (4, 2)
        assert len(data_sample.metainfo['flip_indices']) == number
        if part == 'train' and name in BASELINES:
            assert data_sample.gt_fields.heatmaps.shape == (number, *cells)
        if part == 'train' and name not in BASELINES:
            assert data_sample.gt_instance_labels.keypoint_labels.shape == (1, number, 2)
    if name in BASELINES:
        with torch.device('meta'):
            heatmaps = model.head(model.extract_feat(torch.empty(1, 3, height, width)))
        assert heatmaps.shape == (1, number, *cells)
    else:
        classes = 3 if name == 'coke_livestock' else 1
        assert model.head.decoder.map_size == cells[::-1]
        assert model.head.bank.theta.shape[0] == classes * number
        assert model.head.clutter.mem.shape[0] == 2560
        # the fast profile only where there are no pretrained weights
        assert (model.head.loss_module.spatial_weight > 0) == (name != 'coke_custom')


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
    assert cfg.param_scheduler[1].end == cfg.train_cfg.max_epochs
    assert cfg.visualizer.type == 'PoseLocalVisualizer' and cfg.data_mode == 'topdown'
    # ImageNet weights exist for standard backbones alone.
    pretrained = cfg.model.backbone.get('init_cfg')
    assert (pretrained is not None) == (name == 'coke_custom')


@pytest.mark.parametrize('name', FAMILIES)
def test_baselines_differ_in_what_they_say_alone(name):
    """The head, with SimpleBaseline the neck, and what belongs to them: targets, hooks."""
    ours, heatmap, simple = (
        load_config(CONFIGS[f'{name}{end}']).to_dict()
        for end in ('', '_heatmap', '_simplebaseline')
    )
    assert heatmap['model']['neck'] == ours['model']['neck']
    assert heatmap['model']['backbone'] == ours['model']['backbone']
    assert simple['model']['neck'] is None
    simple['model']['backbone']['out_indices'] = ours['model']['backbone']['out_indices']
    for cfg in (ours, heatmap, simple):
        for entry in ('codec', 'heatmaps', 'train_pipeline', 'custom_hooks'):
            cfg.pop(entry, None)
        cfg['model'].pop('head'), cfg['model'].pop('neck')
        steps = cfg['train_dataloader']['dataset']['pipeline']
        (target,) = (step for step in steps if step['type'] == 'GenerateTarget')
        target.pop('encoder')
    assert ours == heatmap == simple


@pytest.mark.parametrize('name', BASELINES)
def test_targets_of_baselines_are_their_decoders(name):
    cfg = load_config(CONFIGS[name])
    steps = cfg.train_dataloader.dataset.pipeline
    (encoder,) = (step.encoder for step in steps if step.type == 'GenerateTarget')
    assert encoder == cfg.model.head.decoder == cfg.codec
    assert encoder.get('unbiased', False) == name.endswith('_heatmap')


def test_no_occluder_in_training_and_the_same_files_for_all():
    for species in SPECIES:
        files = set()
        for end in ('', '_heatmap', '_simplebaseline'):
            cfg = load_config(CONFIGS[f'coke_livestock_{species}{end}'])
            assert 'PasteOccluder' not in str(cfg.to_dict())
            files.add((cfg.train_dataloader.dataset.ann_file, cfg.test_dataloader.dataset.ann_file))
        assert files == {(f'annotations/{species}_train.json', f'annotations/{species}_test.json')}


@pytest.mark.parametrize('name', [*FAMILIES, *BASELINES])
def test_metrics_of_perfect_predictions(name):
    """The test data have what the metric needs, clean and behind occluders."""
    cfg = load(name)
    scores = evaluate(cfg)
    assert scores['occlusion/PCK_visible'] == 100
    assert scores['occlusion/num_occluded'] == 0
    category = 'quadruped' if 'synth' in name else name.split('_')[2]
    assert scores[f'occlusion/category={category}/PCK_visible'] == 100
    scores = evaluate(occlusion_config(cfg, 3))
    assert scores['occlusion/PCK_visible'] == scores['occlusion/PCK_occluded'] == 100
    assert scores['occlusion/num_occluded'] > 0


def evaluate(cfg: Config) -> dict[str, float]:
    dataset = build_dataset(cfg, 'test')
    evaluator = Evaluator(cfg.test_evaluator)
    evaluator.dataset_meta = dataset.metainfo
    samples = [dataset[i]['data_samples'] for i in range(len(dataset))]
    for sample in samples:
        truth = sample.gt_instances
        sample.pred_instances = InstanceData(
            keypoints=truth.keypoints, keypoint_scores=1.0 * truth.keypoints_visible
        )
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


@pytest.mark.parametrize(
    'name', [n for n in CONFIGS if 'horse' not in n and 'sheep' not in n and n != 'coke_livestock']
)
def test_trains_and_predicts(name):
    cfg = load(name)
    if name == 'coke_custom':  # a small ResNet in place of the large one
        cfg.model.backbone.depth = 18
        cfg.model.neck.update(in_channels=[128, 256, 512], hidden_channels=[16, 16, 16])
        cfg.model.neck.out_channels = cfg.model.head.in_channels = 16
    train_and_predict(cfg)


@pytest.mark.parametrize(
    'options',
    [
        dict(clutter=None),
        dict(sampling='bilinear'),
        dict(bank=dict(type='PrototypeBank', mode='cma', reset='epoch')),
    ],
)
def test_trains_with_other_options(options):
    cfg = load('coke_livestock_cattle')
    cfg.model.head.update(options)
    train_and_predict(cfg)


def test_one_extractor_for_three_species():
    head = train_and_predict(load('coke_livestock')).head
    # of the first and the last image
    assert head.bank.count.view(3, -1).any(dim=1).tolist() == [True, False, True]
    scores = evaluate(load('coke_livestock'))
    names = {key.split('=')[1].split('/')[0] for key in scores if '=' in key}
    assert names == {'cattle', '2', '3'} and scores['occlusion/category/PCK_visible'] == 100


def test_one_of_several_species_in_mmpose(tmp_path, monkeypatch):
    """The example of docs/coke.md."""
    model = train_and_predict(load('coke_livestock'))
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'three.pth')
    code = example('coke.md', 'Use a model of several categories for one')
    picture = build_dataset(load('coke_livestock'), 'test').get_data_info(0)['img_path']
    found = {}
    for category_id in (1, 3):
        monkeypatch.chdir(tmp_path)
        exec(compile(code.replace('= 2', f'= {category_id}'), 'coke.md', 'exec'), {})
        own = init_model('horse.py', 'three.pth', 'cpu')
        found[category_id] = inference_topdown(own, picture)[0].pred_instances.keypoint_scores
        with torch.no_grad():
            rows = own.head.bank.theta.view(3, 18, -1)[category_id - 1]
        assert (found[category_id][0][~rows.any(dim=1).numpy()] == 0).all()
    assert not np.array_equal(found[1], found[3])


def train_and_predict(cfg: Config):
    """Losses with gradients from a batch of the training, keypoints for one of the test."""
    torch.manual_seed(0)
    model = build_model(cfg).train()
    dataset = build_dataset(cfg, 'train')
    for _ in range(2):  # the first batch makes the prototypes
        batch = pseudo_collate([dataset[0], dataset[len(dataset) - 1]])
        losses = model(**model.data_preprocessor(batch, training=True), mode='loss')
    total = sum(value for key, value in losses.items() if key.startswith('loss'))
    assert torch.isfinite(total) and total > 0
    total.backward()
    assert model.backbone.conv1.weight.grad.abs().sum() > 0
    assert isinstance(model.head, CoKeHead) == ('loss_contrast' in losses)
    test = build_dataset(cfg, 'test')
    number = test.metainfo['num_keypoints']
    model.eval()
    for sample in predict_items(model, [test[0], test[len(test) - 1]]):
        assert sample.pred_instances.keypoints.shape == (1, number, 2)
        assert sample.pred_instances.keypoint_scores.shape == (1, number)
    return model


def test_trained_model_works_in_mmpose(data_root, tmp_path):
    """A run of two epochs, then MMPose's own ways to predict."""
    cfg = load('coke_livestock_cattle')
    cfg.work_dir, cfg.experiment_name = str(tmp_path / 'run'), f'coke_small_{next(_names)}'
    cfg.train_cfg.max_epochs, cfg.default_hooks.checkpoint.interval = 2, 2
    cfg.train_dataloader.batch_size = 4
    runner = Runner.from_cfg(copy.deepcopy(cfg))
    runner.train()
    count = runner.model.head.bank.count
    assert (count == NUM_IMAGES).all()  # of the exact means at the end
    config, weights = str(tmp_path / 'config.py'), str(tmp_path / 'run' / 'epoch_2.pth')
    cfg.dump(config)
    image = str(data_root / 'livestock' / 'images' / 'cattle0.png')

    model = init_model(config, weights, 'cpu')
    assert [model.dataset_meta['keypoint_id2name'][k] for k in range(18)] == list(NAMES)
    (sample,) = inference_topdown(model, image)
    found = sample.pred_instances
    assert found.keypoints.shape == (1, 18, 2)
    assert ((found.keypoint_scores > 0) & (found.keypoint_scores < 1)).all()

    inferencer = MMPoseInferencer(config, weights, det_model='whole_image', device='cpu')
    (instance,) = next(inferencer(image))['predictions'][0]
    np.testing.assert_allclose(instance['keypoints'], found.keypoints[0], atol=1e-3)
    np.testing.assert_allclose(instance['keypoint_scores'], found.keypoint_scores[0], atol=1e-5)


@pytest.mark.parametrize(
    'name, words',
    [
        ('coke_livestock_sheep', 'sheep_train.json.*Livestock-keypoint-detection'),
        ('coke_livestock', 'cattle_train.json.*Livestock-keypoint-detection'),
        ('coke_synth', 'synth_train.json.*python tools/make_synthetic.py --out'),
        ('coke_custom', 'annotations/train.json'),
    ],
)
def test_missing_data(name, words, tmp_path, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f'{tmp_path}.*there is no such.*{words}'):
        build_dataset(load_config(CONFIGS[name]), 'train')


def test_synthetic_data_are_those_of_the_head_of_the_config():
    ours, theirs = (
        shipped_configs()[name].read_text().replace('\\\n#', ' ').split('\n')
        for name in ('coke_synth', 'ikl_synth')
    )
    stated = [
        load_tool('make_synthetic').parse_args(line.split()[3:])
        for text in (ours, theirs)
        for line in text
        if 'make_synthetic' in line
    ]
    assert len(stated) == 2 and stated[0] == stated[1]
    parts = [
        load_config(CONFIGS['coke_synth'])[f'{p}_dataloader'].dataset for p in ('train', 'test')
    ]
    assert stated[0].train_images == parts[0].indices - parts[1].indices


def test_own_data_from_the_command_line():
    """The command in the head of the config."""
    text = CONFIGS['coke_custom'].read_text().replace('\\\n#', ' ')
    line = next(line for line in text.split('\n') if 'tools/train.py' in line)
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    options = parser.parse_args(shlex.split(line)[4:]).cfg_options
    options = {**options, 'train_ann': 'a.json', 'test_ann': 'b.json'}
    options['model.head.num_keypoints'] = 5
    cfg = load_config(CONFIGS['coke_custom'], options)
    files = [cfg[f'{p}_dataloader'].dataset for p in ('train', 'test')]
    assert [(d.data_root, d.ann_file) for d in files] == [
        ('my_data', 'a.json'),
        ('my_data', 'b.json'),
    ]
    with torch.device('meta'):
        assert build_model(cfg).head.bank.theta.shape == (5, 128)


@pytest.mark.parametrize('species', SPECIES)
def test_real_images(species, kpt_data, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(kpt_data))
    cfg = load_config(CONFIGS[f'coke_livestock_{species}'])
    sizes = []
    for part in ('train', 'test'):
        dataset = DATASETS.build(dict(cfg[f'{part}_dataloader'].dataset, serialize_data=False))
        sizes.append(len(dataset))
        assert dataset[0]['inputs'].shape == (3, 128, 128)
    assert sizes == dict(cattle=[590, 206], horse=[477, 67], sheep=[462, 66])[species]
