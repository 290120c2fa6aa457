"""Every shipped KAMP config builds its model and its datasets, here on small drawn data."""

import argparse
import shlex

import pytest
import torch
from mmengine.config import Config, DictAction
from mmengine.dataset import BaseDataset
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.registry import DATASETS, MODELS

from kpt_plugins.apis import shipped_configs
from kpt_plugins.apis.incremental import plan_steps, step_dataset
from kpt_plugins.apis.model_loading import build_dataset, build_model
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.models.pose_estimators import IncrementalPoseEstimator
from kpt_plugins.structures.keypoint_steps import KeypointSteps
from kpt_plugins.structures.plain_detector import plain_config
from kpt_plugins.structures.triplets import manual_triplets
from kpt_plugins.synthesis import build_category
from tests.configs.ikl_data import write_data
from tests.helpers import coco_file, write_json
from tests.tools.tool import load_tool

CONFIGS = {name: path for name, path in shipped_configs().items() if name.startswith('ikl_')}
STEPS_OF = dict(livestock_cattle=4, synth=4, mpii=5, atrw=4, cephalometric=5)
FAMILIES = [f'ikl_{name}' for name in STEPS_OF]
SINGLE = {f'ikl_{name}': [f'ikl_{name}_step{t}' for t in range(n)] for name, n in STEPS_OF.items()}
PROTOCOLS = sorted(set(CONFIGS) - {step for steps in SINGLE.values() for step in steps})
PENALTIES = ('ewc', 'mas', 'si', 'rwalk', 'cpr')


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    """A root with every data set that the configs name."""
    root = tmp_path_factory.mktemp('data')
    write_data(root)
    return root


@pytest.fixture(autouse=True)
def _root(data_root, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(data_root))


def seen(cfg: Config) -> list[str]:
    _, data = step_dataset(cfg, 'train_dataloader')
    return list(KeypointSteps(data.steps).names(data.step))


def test_the_issued_configs_are_shipped():
    assert set(PROTOCOLS) > set(FAMILIES)
    assert set(CONFIGS) >= {step for steps in SINGLE.values() for step in steps}
    assert set(CONFIGS) >= {f'ikl_livestock_cattle_{kind}' for kind in PENALTIES}


@pytest.mark.parametrize('shots', [1, 5, 10, 50])
def test_few_images_are_repeated(shots):
    cfg = load_config(CONFIGS[f'ikl_livestock_cattle_{shots}shot'])
    key, data = step_dataset(cfg, 'train_dataloader')
    assert key == 'train_dataloader.dataset.dataset' and data.shots == shots
    images = cfg.train_dataloader.dataset.times * shots
    assert images / cfg.train_dataloader.batch_size == 50
    assert cfg.model.get('norm_eval', False) == (shots < 20)
    run = plan_steps([CONFIGS[f'ikl_livestock_cattle_{shots}shot']], 'root')[2]
    cfg = load_config(run.config, run.cfg_options())
    assert step_dataset(cfg, 'train_dataloader')[1].step == cfg.test_dataloader.dataset.step == 2


def records(cfg: Config, part: str) -> BaseDataset:
    """The dataset, without the seconds that MMEngine takes to pack its records for workers."""
    _, data = step_dataset(cfg, f'{part}_dataloader')
    data.serialize_data = False
    if data.get('shots'):
        data.shots = 1  # more than one is drawn for each step, but not 50
    return build_dataset(cfg, part)


@pytest.mark.parametrize('name', CONFIGS)
def test_builds(name):
    cfg = load_config(CONFIGS[name])
    with torch.device('meta'):  # shapes alone
        model = build_model(cfg)
    names = seen(cfg)
    assert model.head.out_channels == len(names)
    for part in ('train', 'test'):
        dataset = records(cfg, part)
        sample = dataset[len(dataset) - 1]
        assert list(dataset.metainfo['keypoint_name2id']) == names
        assert sample['data_samples'].metainfo['flip_indices'] is not None
        assert tuple(sample['inputs'].shape) == (3, *cfg.codec.input_size[::-1])
        if part == 'train':
            heatmaps = sample['data_samples'].gt_fields.heatmaps
            assert heatmaps.shape == (len(names), *cfg.codec.heatmap_size[::-1])
    # MMPose cuts Gaussians off unevenly otherwise
    assert float(3 * cfg.codec.sigma).is_integer()
    assert cfg.default_hooks.checkpoint.save_best is None
    hooks = [hook.type for hook in cfg.custom_hooks]
    assert 'StepHandoverHook' in hooks and 'NonFiniteLossHook' in hooks
    if isinstance(model, IncrementalPoseEstimator):
        _, data = step_dataset(cfg, 'train_dataloader')
        assert cfg.model.steps == data.steps
        assert model.step == data.step == cfg.test_dataloader.dataset.step
        assert 'KnowledgeAssociationHook' in hooks


@pytest.mark.parametrize('name', FAMILIES)
def test_heatmaps_are_as_large_as_their_targets(name):
    cfg = load_config(CONFIGS[name])
    with torch.device('meta'):
        model = build_model(cfg)
        heatmaps = model.head(model.extract_feat(torch.empty(1, 3, *cfg.codec.input_size[::-1])))
    assert heatmaps.shape[2:] == cfg.codec.heatmap_size[::-1]


@pytest.mark.parametrize('name', FAMILIES)
def test_metrics_of_perfect_predictions(name):
    """The records have what the metrics need: boxes, head sizes, spacing."""
    cfg = load_config(CONFIGS[name])
    dataset = records(cfg, 'test')
    evaluator = Evaluator(cfg.test_evaluator)
    evaluator.dataset_meta = dataset.metainfo
    offset = cfg.test_evaluator[0].get('offset', 0)
    samples = [dataset[i]['data_samples'] for i in range(3)]
    for sample in samples:
        sample.pred_instances = InstanceData(keypoints=sample.gt_instances.keypoints - offset)
    evaluator.process(samples)
    scores = evaluator.evaluate(len(samples))
    best = 0 if cfg.test_evaluator[0].base == 'mre' else 100
    means = {key: value for key, value in scores.items() if key.endswith(('/A', '/new', '/old'))}
    assert len(means) == 3 * len(cfg.test_evaluator)
    assert set(means.values()) == {best}


@pytest.mark.parametrize('name', FAMILIES)
def test_detector_is_an_ordinary_one(name):
    """The pipeline of the test has nothing that MMPose lacks."""
    cfg = load_config(CONFIGS[name])
    info = records(cfg, 'test').metainfo
    plain = plain_config(cfg, info)
    assert plain.model.type == 'TopdownPoseEstimator'
    assert plain.model.head.out_channels == info['num_keypoints'] == len(seen(cfg))


@pytest.mark.parametrize('name', PROTOCOLS)
def test_protocol_stands_for_all_steps(name):
    runs = plan_steps([CONFIGS[name]], 'root')
    steps = load_config(CONFIGS[name]).model.steps
    assert [run.step for run in runs] == list(range(len(steps)))
    for run in runs:
        cfg = load_config(run.config, run.cfg_options())
        assert seen(cfg) == [n for group in steps[: run.step + 1] for n in group]
        assert cfg.test_evaluator[0].out_file == f'root/step{run.step}/row.json'
        if run.step:
            assert cfg.model.step == run.step
            assert cfg.model.parent == f'root/step{run.step - 1}/detector.pth'


@pytest.mark.parametrize('kind', PENALTIES)
def test_penalties_read_what_the_step_before_wrote(kind):
    runs = plan_steps([CONFIGS[f'ikl_livestock_cattle_{kind}']], 'root')
    base = load_config(runs[0].config, runs[0].cfg_options())
    assert base.custom_hooks[-1].type == 'ParameterImportanceHook'  # of every kind
    assert set(base.custom_hooks[-1]) == {'type'}
    for run in runs[1:]:
        cfg = load_config(run.config, run.cfg_options())
        assert cfg.model.regularizer.importance == f'root/step{run.step - 1}/importance.pth'
        hook = cfg.custom_hooks[-1]
        assert hook.type == 'ParameterImportanceHook'
        assert tuple(hook.kinds) == (cfg.model.regularizer.kind,)
        assert cfg.model.distillation is None and cfg.model.ka_net is None
        assert (cfg.model.get('uniformity') is not None) == (kind == 'cpr')


def test_only_penalties_have_an_importance():
    runs = plan_steps([CONFIGS['ikl_livestock_cattle']], 'root')
    assert not any('model.regularizer.importance' in run.cfg_options() for run in runs)


def test_options_go_before_those_of_the_sequence():
    mine = {'model.regularizer.importance': 'mine.pth', 'model.step': 7}
    runs = plan_steps([CONFIGS['ikl_livestock_cattle_ewc']], 'root', mine)
    assert 'model.step' not in runs[0].cfg_options()
    assert all(run.cfg_options().items() >= mine.items() for run in runs[1:])


@pytest.mark.parametrize('name', FAMILIES)
def test_groups_obey_the_rules(name):
    """Closed under left and right, two or more new keypoints a step, next to an old one."""
    cfg = load_config(CONFIGS[name])
    config = dict(cfg.test_dataloader.dataset, lazy_init=True)
    steps = KeypointSteps(cfg.model.steps)
    for step in range(len(steps)):
        info = DATASETS.build(dict(config, step=step)).metainfo
        assert info['swap_missing'] == []
        assert len(steps.new(step)) >= 2
        old = steps.num_old(step)
        links = info['skeleton_links']
        joins = any(min(link) < old <= max(link) for link in links)
        assert joins or step == 0 or not links


@pytest.mark.parametrize('name', ['ikl_mpii', 'ikl_atrw'])
def test_stated_triplets_are_of_their_step(name):
    for run in plan_steps([CONFIGS[name]], 'root')[1:]:
        cfg = load_config(run.config, run.cfg_options())
        steps = KeypointSteps(cfg.model.steps)
        found = manual_triplets(cfg.model.triplets, steps.new(run.step), steps.old(run.step))
        assert len(found) == cfg.model.ka_net.num_triplets


def test_triplets_pass_the_command_line():
    """As tools/train_incremental.py gives them to tools/train.py."""
    run = plan_steps([CONFIGS['ikl_mpii']], 'root')[3]
    command = load_tool('train_incremental').command('train.py', run)
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    options = parser.parse_args(command[command.index('--cfg-options') :]).cfg_options
    assert options['model.triplets'] == [['right_elbow', 'right_wrist', 'right_shoulder']]


@pytest.mark.parametrize('name', FAMILIES)
def test_single_steps_are_those_of_the_protocol(name):
    single = plan_steps([CONFIGS[step] for step in SINGLE[name]], 'root')
    for run, other in zip(single, plan_steps([CONFIGS[name]], 'root'), strict=True):
        first = load_config(run.config, run.cfg_options()).to_dict()
        second = load_config(other.config, other.cfg_options()).to_dict()
        # the file's own variable, which only the file reads
        first.pop('step', None), second.pop('step', None)
        assert first == second


@pytest.mark.parametrize('name', FAMILIES)
def test_single_steps_follow_each_other(name):
    for before, step in zip(SINGLE[name], SINGLE[name][1:], strict=False):
        assert load_config(CONFIGS[step]).model.parent == f'work_dirs/{before}/detector.pth'


def test_losses_build():
    for name in PROTOCOLS:
        cfg = load_config(CONFIGS[name])
        for part in ('distillation', 'association_loss', 'regularizer', 'uniformity'):
            if cfg.model.get(part):
                MODELS.build(cfg.model[part])


@pytest.mark.parametrize(
    'name, words',
    [
        ('ikl_livestock_cattle', 'cattle_train.json.*Livestock-keypoint-detection.*ikl_synth.py'),
        ('ikl_mpii', 'mpii_train.json.*human-pose.mpi-inf.mpg.de.*configs/ikl_synth.py'),
        ('ikl_atrw', 'keypoint_train.json.*cvwc2019.github.io.*configs/ikl_synth.py'),
        ('ikl_cephalometric', 'cephalometric_train.json.*CL-Detection 2023.*configs/ikl_synth.py'),
        ('ikl_synth', 'synth_train.json.*python tools/make_synthetic.py --out'),
    ],
)
def test_missing_data(name, words, tmp_path, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f'{tmp_path}.*there is no such.*{words}'):
        build_dataset(load_config(CONFIGS[name]), 'train')


def test_missing_head_boxes():
    cfg = load_config(CONFIGS['ikl_mpii'])
    cfg.test_dataloader.dataset.dataset.headbox_file = 'nowhere/heads.mat'
    with pytest.raises(FileNotFoundError, match='nowhere/heads.mat: there is no such.*MPII'):
        build_dataset(cfg, 'test')


def test_synthetic_data_are_what_the_message_makes(tmp_path, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tmp_path))
    cfg = load_config(CONFIGS['ikl_synth'])
    with pytest.raises(FileNotFoundError) as error:
        build_dataset(cfg, 'train')
    command = shlex.split(str(error.value).split('`')[1])
    args = load_tool('make_synthetic').parse_args(command[2:])
    assert str(args.out) == cfg.train_dataloader.dataset.dataset.data_root
    assert tuple(args.categories) == (1, 0, 0)
    train, test = (cfg[f'{part}_dataloader'].dataset.dataset for part in ('train', 'test'))
    assert args.train_images == train.indices - test.indices
    names = build_category(args.seed, 0, args.size).record()['keypoints']
    assert {name for group in cfg.model.steps for name in group} == {*names} - {'jaw'}
    # the head of the config says the same
    head = CONFIGS['ikl_synth'].read_text().replace('\\\n#', ' ').split('\n')
    documented = next(line for line in head if 'make_synthetic' in line)
    stated = load_tool('make_synthetic').parse_args(documented.split()[3:])
    assert vars(stated) | {'out': args.out} == vars(args)


def test_synthetic_training_and_test_images_differ(tmp_path, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tmp_path))
    content = coco_file(21, num_images=1200)
    content['categories'][0]['keypoints'] = list(build_category(3, 0).blueprint.names)
    for image in content['images']:
        image['file_name'] = '0.png'
    write_json(tmp_path / 'synth_quadruped/annotations/synth_train.json', content)
    (tmp_path / 'synth_quadruped/images').mkdir()
    (tmp_path / 'synth_quadruped/images/0.png').touch()
    cfg = load_config(CONFIGS['ikl_synth'])
    parts = [
        DATASETS.build(cfg[f'{part}_dataloader'].dataset.dataset) for part in ('train', 'test')
    ]
    train, test = (
        {dataset.get_data_info(i)['img_id'] for i in range(len(dataset))} for dataset in parts
    )
    assert (len(train), len(test)) == (1000, 200)
    assert not train & test


def test_steps_in_the_wrong_order_are_refused():
    single = [CONFIGS[f'ikl_livestock_cattle_step{t}'] for t in (0, 2, 1)]
    with pytest.raises(ValueError, match='is of step 2, but was given as step 1'):
        plan_steps(single, 'root')


def test_a_single_step_is_no_protocol():
    with pytest.raises(ValueError, match='is no protocol config'):
        plan_steps([CONFIGS['ikl_livestock_cattle_step0']], 'root')
