import argparse
from pathlib import Path

import pytest

from kpt_plugins.apis.run_config import (
    add_config_arguments,
    add_launch_arguments,
    episode_datasets,
    load_config,
    load_run_config,
    set_query_rotation,
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
    args = parse(config, '--cfg-options', 'lr=0.5', 'optim_wrapper.type=X')
    cfg = load_config(args.config, args.cfg_options)
    assert cfg.lr == 0.5 and cfg.optim_wrapper.type == 'X'


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


def test_an_entry_that_the_config_has_not_reaches_nothing(config):
    config.write_text(CONFIG)
    assert 'ann_file' not in load_config(config, dict(train_ann='a.json')).dataset


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


def test_query_rotation(config):
    cfg = load_config(config)
    set_query_rotation(cfg, 'test_dataloader', 40.0)
    assert cfg.test_dataloader.dataset.dataset.query_rotation == 40.0
    with pytest.raises(ValueError, match='EpisodeDataset in val_dataloader'):
        set_query_rotation(cfg, 'val_dataloader', 40.0)
