import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from kpt_plugins.engine.hooks import NonFiniteLossError
from kpt_plugins.engine.hooks.knowledge_association_hook import STATE_NAME
from kpt_plugins.structures.step_manifest import read_manifest
from tests.tiny_steps import STEPS, base_model, incremental_model, run_config, write_dots


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_dots(tmp_path_factory.mktemp('association') / 'data')


@pytest.fixture(scope='module')
def parent(root):
    folder = root.parent / 'step0'
    Runner.from_cfg(run_config(root, folder, base_model(), 0, epochs=1)).train()
    return folder / 'detector.pth'


def runner_of(root, folder, parent, ka_epochs=2, **model) -> Runner:
    cfg = run_config(root, folder, incremental_model(1, parent, **model), 1, epochs=1)
    cfg.custom_hooks[-1].num_epochs = ka_epochs
    return Runner.from_cfg(Config(cfg.to_dict()))


def weights(runner):
    return {k: v.clone() for k, v in runner.model.ka_net.state_dict().items()}


def equal(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize('option', ['skeleton', 'random', 'miner'])
def test_automatic_triplets(root, parent, tmp_path, option):
    runner = runner_of(root, tmp_path, parent, triplets=option)
    # an untrained teacher is sure of nothing
    runner._hooks[-1].peak_threshold = -1.0
    for hook in runner.hooks:
        if hasattr(hook, 'peak_threshold'):
            hook.peak_threshold = -1.0
    runner.train()
    (triplet,) = read_manifest(tmp_path).triplets
    assert set(triplet[:2]) == set(STEPS[1]) and triplet[2] in STEPS[0]
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert f'triplets ({option}): ' in log and f'-> {triplet[2]}' in log


def test_too_few_images_to_mine(root, parent, tmp_path):
    """One image and its augmentations fit any relation: the skeleton is asked."""
    cfg = run_config(
        root, tmp_path, incremental_model(1, parent, triplets='miner'), 1, epochs=1, shots=4
    )
    Runner.from_cfg(Config(cfg.to_dict())).train()
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert "4 images are too few for triplets='miner'" in log
    assert read_manifest(tmp_path).triplets == [['l_hand', 'r_hand', 'head']]


def test_a_plain_detector_has_nothing_to_associate(root, tmp_path):
    cfg = run_config(root, tmp_path, base_model(), 0, epochs=1)
    cfg.custom_hooks.append(dict(type='KnowledgeAssociationHook'))
    Runner.from_cfg(Config(cfg.to_dict())).train()
    assert read_manifest(tmp_path).triplets == []


def test_manual_triplets(root, parent, tmp_path):
    runner_of(root, tmp_path, parent, triplets=[['r_hand', 'l_hand', 'tail']]).train()
    assert read_manifest(tmp_path).triplets == [['r_hand', 'l_hand', 'tail']]


def test_unknown_names_are_refused(root, parent, tmp_path):
    runner = runner_of(root, tmp_path, parent, triplets=[['l_hand', 'r_hand', 'nose']])
    with pytest.raises(ValueError, match='nose'):
        runner.train()


def test_unknown_choice_is_refused(root, parent, tmp_path):
    with pytest.raises(ValueError, match="must be 'miner', 'skeleton', 'random' or a list"):
        runner_of(root, tmp_path, parent, triplets='nearest').train()


def test_without_ka_net_nothing_happens(root, parent, tmp_path):
    runner_of(root, tmp_path, parent, ka_net=None).train()
    assert read_manifest(tmp_path).triplets == []
    assert not (tmp_path / STATE_NAME).exists()


def test_ka_net_learns_and_then_rests(root, parent, tmp_path):
    """The logged error falls; the student's epochs leave KA-Net as it is."""
    runner = runner_of(root, tmp_path, parent, ka_epochs=6)
    runner.train()
    log = next(tmp_path.glob('*/*.log')).read_text()
    losses = [
        float(line.split('loss: ')[1]) for line in log.splitlines() if 'Association [' in line
    ]
    assert len(losses) == 6 and losses[-1] < 0.9 * losses[0]
    saved = torch.load(tmp_path / STATE_NAME, weights_only=True)
    assert saved['epoch'] == 6 and equal(saved['ka_net'], weights(runner))


def test_a_killed_stage_goes_on(root, parent, tmp_path, monkeypatch):
    """Killed in its third epoch and started again, it ends where an unbroken one does."""
    whole = runner_of(root, tmp_path / 'whole', parent, ka_epochs=4)
    whole.train()
    broken = runner_of(root, tmp_path / 'broken', parent, ka_epochs=4)
    association, calls = broken.model.association, []

    def dies(*args):
        calls.append(1)
        if len(calls) == 6:  # two batches an epoch
            raise KeyboardInterrupt
        return association(*args)

    monkeypatch.setattr(broken.model, 'association', dies)
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    again = runner_of(root, tmp_path / 'broken', parent, ka_epochs=4)
    association, calls = again.model.association, []
    monkeypatch.setattr(
        again.model, 'association', lambda *args: calls.append(1) or association(*args)
    )
    again.train()
    assert len(calls) == 2 * 2
    assert equal(weights(whole), weights(again))


def test_a_saved_stage_of_another_seed_is_not_used(root, parent, tmp_path):
    runner_of(root, tmp_path, parent).train()
    first = torch.load(tmp_path / STATE_NAME, weights_only=True)
    cfg = run_config(root, tmp_path, incremental_model(1, parent), 1, epochs=1)
    cfg.randomness = dict(seed=1)
    Runner.from_cfg(cfg).train()
    second = torch.load(tmp_path / STATE_NAME, weights_only=True)
    assert first['key'] != second['key'] and not equal(first['ka_net'], second['ka_net'])


def test_non_finite_loss_stops(root, parent, tmp_path, monkeypatch):
    runner = runner_of(root, tmp_path, parent)
    nan = torch.tensor(np.nan, requires_grad=True)
    monkeypatch.setattr(runner.model, 'association', lambda *_: nan)
    with pytest.raises(NonFiniteLossError, match='loss of KA-Net is nan in its epoch 1'):
        runner.train()
