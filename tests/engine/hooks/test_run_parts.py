from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.model import MMDistributedDataParallel
from torch import nn
from torch.utils.data import DataLoader

from kpt_plugins.engine.hooks.run_parts import evaluation_mode, next_batches, run_model


def loader_of(number=12):
    data = list(range(number))
    return DataLoader(data, batch_size=2, sampler=DefaultSampler(data, shuffle=True, seed=3))


def fake_runner(epoch=0, **parts):
    return SimpleNamespace(seed=3, epoch=epoch, **parts)


def order(runner, *args, **kwargs):
    return [batch.tolist() for batch in next_batches(runner, *args, **kwargs)]


def test_batches_are_those_of_the_epoch():
    runner = fake_runner(train_dataloader=loader_of())
    whole = order(runner)
    assert sorted(sum(whole, [])) == list(range(12)) and whole == order(runner)
    assert order(runner, number=2) == whole[:2]
    assert order(runner, number=100) == whole
    assert order(fake_runner(epoch=1, train_dataloader=loader_of())) != whole


def test_batches_of_another_loader():
    runner = fake_runner(train_dataloader=loader_of())
    assert sorted(sum(order(runner, loader_of(4)), [])) == [0, 1, 2, 3]


def test_model_without_its_wrapper(monkeypatch):
    model = nn.Linear(1, 1)
    assert run_model(fake_runner(model=model)) is model
    wrapper = MMDistributedDataParallel.__new__(MMDistributedDataParallel)
    nn.Module.__init__(wrapper)
    wrapper.module = model
    assert run_model(fake_runner(model=wrapper)) is model


@pytest.mark.parametrize('training', [True, False])
def test_mode_comes_back_even_after_an_error(training):
    model = nn.Sequential(nn.BatchNorm1d(2)).train(training)
    with pytest.raises(RuntimeError), evaluation_mode(model):
        assert not model[0].training
        raise RuntimeError
    assert model.training == model[0].training == training


def test_random_state_is_that_of_the_epoch():
    """Augmentations are the same too."""
    runner = fake_runner(train_dataloader=loader_of())
    draws = [[torch.rand(1).item() for _ in next_batches(runner, number=2)] for _ in range(2)]
    assert draws[0] == draws[1]
