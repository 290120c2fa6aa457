import pytest
import torch

from kpt_plugins.apis import run_config
from tests.apis.test_model_loading import TINY
from tests.tools.tool import load_tool

tool = load_tool('train')


def configure(*argv):
    return tool.configure(tool.parse_args([str(TINY), *map(str, argv)]))


def save(path, seed=5, **content):
    content = content or dict(optimizer={}, message_hub={})
    torch.save(dict(meta=dict(seed=seed, epoch=1, iter=4), state_dict={}, **content), path)
    return path


def test_seed_reaches_weights_and_training_episodes_only():
    cfg = configure('--seed', 9)
    assert cfg.randomness.seed == 9
    assert cfg.train_dataloader.dataset.seed == 9
    assert 'seed' not in cfg.val_dataloader.dataset
    assert 'seed' not in cfg.test_dataloader.dataset


def test_amp_and_scaled_learning_rate(monkeypatch):
    monkeypatch.setattr(run_config, 'find_spec', lambda name: pytest)  # whether it is there or not
    cfg = configure('--amp', '--auto-scale-lr', '--tensorboard')
    assert cfg.optim_wrapper.type == 'AmpOptimWrapper'
    assert cfg.optim_wrapper.loss_scale == 'dynamic'
    assert cfg.auto_scale_lr.enable
    backends = [backend['type'] for backend in cfg.visualizer.vis_backends]
    assert backends == ['LocalVisBackend', 'TensorboardVisBackend']
    assert 'type' not in configure().optim_wrapper


def test_impossible_wishes():
    with pytest.raises(ValueError, match='--amp replaces OptimWrapper, but the config has Mine'):
        configure('--amp', '--cfg-options', 'optim_wrapper.type=Mine')
    with pytest.raises(ValueError, match='base_batch_size'):
        configure('--auto-scale-lr', '--cfg-options', 'auto_scale_lr={}')


def test_no_validate():
    cfg = configure('--no-validate')
    assert cfg.val_dataloader is cfg.val_cfg is cfg.val_evaluator is None


def test_resume_takes_the_seed_of_the_checkpoint(tmp_path):
    path = save(tmp_path / 'epoch_1.pth')
    cfg = configure('--work-dir', tmp_path, '--resume')
    assert cfg.resume and cfg.load_from == str(path)
    assert cfg.randomness.seed == cfg.train_dataloader.dataset.seed == 5
    with pytest.raises(ValueError, match='trained with seed 5, cannot go on with --seed 6'):
        configure('--work-dir', tmp_path, '--resume', '--seed', 6)


@pytest.mark.parametrize('options', [['--seed', 5], ['--cfg-options', 'randomness.seed=5']])
def test_resume_draws_what_the_first_run_would_have_drawn(tmp_path, options):
    first = configure('--work-dir', tmp_path, *options)
    save(tmp_path / 'epoch_1.pth', seed=first.randomness.seed)
    resumed = configure('--work-dir', tmp_path, '--resume')
    assert first.train_dataloader.dataset.seed == resumed.train_dataloader.dataset.seed == 5
    assert 'seed' not in first.val_dataloader.dataset


def test_training_datasets_follow_the_seed_unless_they_have_their_own(tmp_path):
    config = tmp_path / 'two.py'
    config.write_text(
        "train_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=["
        "dict(type='EpisodeDataset'), dict(type='EpisodeDataset', seed=7)]))\n"
    )
    for argv, seed in (([], 0), (['--seed', '3'], 3)):
        cfg = tool.configure(tool.parse_args([str(config), *argv]))
        assert [d.seed for d in cfg.train_dataloader.dataset.datasets] == [seed, 7]
        assert cfg.randomness.seed == seed


def test_resume_from_a_given_file(tmp_path):
    path = save(tmp_path / 'mine.pth', seed=0)
    assert configure('--work-dir', tmp_path / 'run', '--resume', path).load_from == str(path)
    with pytest.raises(FileNotFoundError, match='gone.pth'):
        configure('--resume', tmp_path / 'gone.pth')


def test_another_model_cannot_be_resumed(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    meta = dict(seed=5, cfg=configure().pretty_text)
    torch.save(dict(meta=meta, state_dict={}, optimizer={}, message_hub={}), path)
    assert configure('--resume', path).resume
    with pytest.raises(ValueError, match='epoch_1.pth cannot be .* differs in model.head.num_lay'):
        configure('--resume', path, '--cfg-options', 'model.head.num_layers=1')


def test_nothing_to_resume_starts_anew(tmp_path):
    cfg = configure('--work-dir', tmp_path, '--resume')
    assert not cfg.resume and cfg.load_from is None


def test_weights_alone_cannot_be_resumed(tmp_path):
    path = save(tmp_path / 'best.pth', message_hub={})
    with pytest.raises(ValueError, match='no optimizer; to start from its weights use'):
        configure('--resume', path)
