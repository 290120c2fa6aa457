import argparse
import sys
from pathlib import Path

import pytest

from kpt_plugins.apis import find_config, run_config
from kpt_plugins.apis.run_config import (
    add_config_arguments,
    add_launch_arguments,
    episode_datasets,
    load_config,
    load_run_config,
    seed_training_episodes,
    set_query_rotation,
    walk_dicts,
)

CONFIG = """
data_root = 'data/a'
lr = 0.1
dataset = dict(type='MP100Dataset', data_root=data_root)
test_dataloader = dict(
    dataset=dict(type='RepeatDataset', dataset=dict(type='EpisodeDataset', dataset=dataset))
)
other = dict(data_root='elsewhere')
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'my_experiment.py'
    path.write_text(CONFIG)
    return path


def parse(*argv):
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    add_launch_arguments(parser)
    return parser.parse_args(list(map(str, argv)))


def test_options_override(config):
    args = parse(config, '--cfg-options', 'data_root=b', 'optim_wrapper.type=X')
    cfg = load_config(args.config, args.cfg_options)
    assert cfg.data_root == 'b' and cfg.optim_wrapper.type == 'X'


def test_misspelt_option(config):
    with pytest.raises(ValueError, match='no entry data_rooot; did you mean data_root'):
        load_config(config, dict(data_rooot='x'))
    with pytest.raises(ValueError, match='no entry optim_wraper; did you mean optim_wrapper'):
        load_config(config, {'optim_wraper.type': 'X'})


@pytest.mark.parametrize(
    'name', ['work_dir', 'resume', 'load_from', 'launcher', 'vis_backends', 'compile', 'env_cfg']
)
def test_entries_of_the_runner_need_not_be_in_the_config(config, name):
    assert load_config(config, {name: 'x'})[name] == 'x'


def test_a_variable_of_the_config_file_has_no_effect(config):
    with pytest.raises(ValueError, match='lr: lr was copied .* no effect; set the entries'):
        load_config(config, dict(lr=0.5))


@pytest.mark.parametrize(
    'name, places',
    [
        ('num_keypoints', ['train_dataloader.dataset.pipeline.0.num_keypoints']),
        ('num_references', ['model.head.num_references', 'val_dataloader.dataset.pipeline.1.num']),
        ('batch_size', ['train_dataloader.batch_size']),
        ('max_epochs', ['train_cfg.max_epochs']),
        ('warmup_epochs', ['custom_hooks.4.num_epochs']),
        ('input_size', ['test_dataloader.dataset.dataset.pipeline.2.input_size']),
    ],
)
def test_the_entries_that_copied_a_variable_are_named(name, places):
    with pytest.raises(ValueError) as error:
        load_config('fmmp_synth', {name: 1})
    assert all(place in str(error.value) for place in places)


def test_both_roots_reach_their_datasets():
    cfg = load_config('fmmp_custom', dict(data_root='mine', synth_root='other'))
    roots = [d.dataset.data_root for d in cfg.train_dataloader.dataset.datasets]
    assert roots == ['mine', 'other']


def test_data_root_reaches_the_datasets(config):
    cfg = load_config(config, dict(data_root='mine'))
    assert episode_datasets(cfg, 'test_dataloader')[0].dataset.data_root == 'mine'
    assert cfg.dataset.data_root == 'mine'
    assert cfg.other.data_root == 'elsewhere'


ANNOTATIONS = """
train_ann, val_ann, test_ann = 'train.json', 'val.json', 'test.json'
train_dataloader = dict(
    datasets=[dict(ann_file=train_ann), dict(ann_file='extra.json'), [dict(ann_file=train_ann)]]
)
val_dataloader = dict(dataset=dict(dataset=dict(ann_file=val_ann)))
test_dataloader = dict(dataset=dict(ann_file=test_ann))
model = dict(type='X', train_ann='its own')
"""


def annotation_files(cfg):
    first, extra, (second,) = cfg.train_dataloader.datasets
    train = [dataset.ann_file for dataset in (first, extra, second)]
    return train, cfg.val_dataloader.dataset.dataset.ann_file, cfg.test_dataloader.dataset.ann_file


def test_annotation_files_reach_their_datasets(config):
    config.write_text(ANNOTATIONS)
    before = (['train.json', 'extra.json', 'train.json'], 'val.json', 'test.json')
    assert annotation_files(load_config(config)) == before
    cfg = load_config(config, dict(train_ann='a.json'))
    assert annotation_files(cfg) == (['a.json', 'extra.json', 'a.json'], 'val.json', 'test.json')
    assert cfg.model.train_ann == 'its own'
    cfg = load_config(config, dict(train_ann='a.json', val_ann='b.json', test_ann='c.json'))
    assert annotation_files(cfg) == (['a.json', 'extra.json', 'a.json'], 'b.json', 'c.json')


def test_a_new_value_may_be_the_old_one_of_another(config):
    config.write_text(ANNOTATIONS)
    options = dict(train_ann='val.json', val_ann='test.json', test_ann='train.json')
    files = annotation_files(load_config(config, options))
    assert files == (['val.json', 'extra.json', 'val.json'], 'test.json', 'train.json')


def test_an_entry_that_the_config_has_not_is_refused(config):
    with pytest.raises(ValueError, match='no entry train_ann'):
        load_config(config, dict(train_ann='a.json'))


def test_one_dataset_can_be_changed_by_itself(config):
    config.write_text(ANNOTATIONS)
    options = {'train_dataloader.datasets.0.ann_file': 'first.json', 'train_ann': 'a.json'}
    train, val, test = annotation_files(load_config(config, options))
    assert (train, val, test) == (['first.json', 'extra.json', 'a.json'], 'val.json', 'test.json')


def test_work_dir(config, monkeypatch):
    monkeypatch.delenv('LOCAL_RANK', raising=False)
    assert Path(load_run_config(parse(config)).work_dir) == Path('work_dirs/my_experiment')
    assert load_run_config(parse(config, '--work-dir', 'here')).work_dir == 'here'
    config.write_text(CONFIG + "\nwork_dir = 'configured'\n")
    assert load_run_config(parse(config)).work_dir == 'configured'


def test_missing_config_names_similar_ones(config):
    with pytest.raises(FileNotFoundError, match='did you mean my_experiment'):
        load_config(config.with_name('my_experimant.py'))


def test_parts_of_the_training_data_draw_apart():
    seeds = {}
    for seed in (0, 1):
        cfg = load_config('fmmp_custom', {'randomness.seed': seed})
        seed_training_episodes(cfg)
        seeds[seed] = [d.seed for d in episode_datasets(cfg, 'train_dataloader')]
        again = load_config('fmmp_custom', {'randomness.seed': seed})
        seed_training_episodes(again)
        assert seeds[seed] == [d.seed for d in episode_datasets(again, 'train_dataloader')]
    assert [first for first, _ in seeds.values()] == [0, 1]
    assert len({*seeds[0], *seeds[1]}) == 4


def test_pairs_are_drawn_from_the_seed_of_the_run():
    cfg = load_config('weakshot_synth', {'randomness.seed': 7})
    seed_training_episodes(cfg)
    assert cfg.train_dataloader.dataset.seed == 7
    assert 'seed' not in cfg.val_dataloader.dataset


def test_custom_pads_to_the_number_in_its_own_file(tmp_path):
    """What docs/data.md and the error about larger categories say: copy it, raise the number."""
    text = find_config('fmmp_custom').read_text()
    assert text.count('num_keypoints = 40\n') == 1
    text = text.replace("_base_ = 'fmmp_synth.py'", f'_base_ = {str(find_config("fmmp_synth"))!r}')
    (tmp_path / 'mine.py').write_text(text.replace('num_keypoints = 40\n', 'num_keypoints = 50\n'))
    cfg = load_config(tmp_path / 'mine.py')
    loaders = [cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader]
    used = [d['num_keypoints'] for d in walk_dicts(loaders) if d.get('type') == 'KeypointPadding']
    assert used == [50] * 4


def test_an_empty_data_root_counts_as_none(monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', '')
    assert load_config('fmmp_synth').data_root == 'data/synth'
    monkeypatch.setenv('KPT_DATA_ROOT', 'elsewhere')
    assert load_config('fmmp_synth').data_root == 'elsewhere/synth'


def test_the_home_directory_in_the_data_root(monkeypatch):
    monkeypatch.setenv('HOME', '/home/me')
    monkeypatch.setenv('KPT_DATA_ROOT', '~/data')
    assert load_config('fmmp_synth').data_root == '/home/me/data/synth'
    monkeypatch.setenv('KPT_DATA_ROOT', '/a~b')
    assert load_config('fmmp_synth').data_root == '/a~b/synth'


@pytest.mark.parametrize(
    'name, content',
    [
        ('cut.json', '{"model": {"type": "A"}, "tra'),
        ('list.json', '[1]'),
        ('cut.yaml', 'model: [1'),
        ('cut.py', 'model = dict('),
        ('undefined.py', 'model = dict(type=undefined)'),
        ('binary.py', '\0\1'),
    ],
)
def test_files_that_are_no_configs(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=f'{name} is no config, or is cut short'):
        load_config(tmp_path / name)


def test_a_program_is_no_config():
    tool = Path(__file__).parents[2] / 'tools' / 'train.py'
    with pytest.raises(ValueError, match='train.py is no config but a program'):
        load_config(tool)


def test_a_config_may_import_and_use_functions(config):
    config.write_text('from os.path import join\nwork_dir = join("a", "b")\n' + CONFIG)
    assert load_config(config).work_dir == 'a/b'


@pytest.mark.parametrize('installed', [True, False])
@pytest.mark.parametrize('where', ['config', 'command line', 'nowhere'])
def test_tensorboard_must_be_there_at_the_start(config, monkeypatch, installed, where):
    monkeypatch.setattr(run_config, 'find_spec', lambda name: sys if installed else None)
    args = parse(config)
    args.tensorboard = where == 'command line'
    if where == 'config':
        backend = "dict(type='TensorboardVisBackend')"
        config.write_text(f'{CONFIG}\nvisualizer = dict(vis_backends=[{backend}])\n')
    if installed or where == 'nowhere':
        load_run_config(args)
    else:
        with pytest.raises(ModuleNotFoundError, match='pip install tensorboard'):
            load_run_config(args)


def test_query_rotation(config):
    cfg = load_config(config)
    set_query_rotation(cfg, 'test_dataloader', 40.0)
    assert cfg.test_dataloader.dataset.dataset.query_rotation == 40.0
    with pytest.raises(ValueError, match='EpisodeDataset in val_dataloader'):
        set_query_rotation(cfg, 'val_dataloader', 40.0)
