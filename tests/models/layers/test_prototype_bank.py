"""Averages of features, against loops over instances."""

import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.runner import load_state_dict as mmengine_load
from mmpose.registry import MODELS
from torch import nn

from kpt_plugins.models.layers import PrototypeBank

K, D = 4, 6


def batches(number=5, batch=3, keypoints=K):
    generator = torch.Generator().manual_seed(0)
    for _ in range(number):
        features = F.normalize(torch.randn(batch, keypoints, D, generator=generator), dim=-1)
        yield features, torch.rand(batch, keypoints, generator=generator) < 0.6


def rows(features):
    return torch.arange(features.shape[1]).expand(len(features), -1)


def feed(bank, data):
    for features, visible in data:
        bank.update(features, rows(features), visible)
    return bank


def exact_means(data, keypoints=K):
    """Mean of the visible features of each keypoint, with a loop."""
    means = []
    for k in range(keypoints):
        seen = [f[b, k] for f, v in data for b in range(len(f)) if v[b, k]]
        means.append(torch.stack(seen).mean(0) if seen else torch.zeros(D))
    return torch.stack(means)


def test_cumulative_average_is_the_exact_mean():
    data = list(batches())
    bank = feed(PrototypeBank(K, D, mode='cma'), data)
    mean = exact_means(data)
    torch.testing.assert_close(bank.mu, mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(bank.theta, F.normalize(mean, dim=-1), atol=1e-5, rtol=0)
    assert bank.count.tolist() == sum(v.sum(0) for _, v in data).tolist()
    again = PrototypeBank(K, D)
    sums = [again.sum_rows(f, rows(f), v) for f, v in data]
    again.set_mean(sum(s for s, _ in sums), sum(n for _, n in sums))
    torch.testing.assert_close(again.theta, bank.theta, atol=1e-5, rtol=0)
    assert torch.equal(again.count, bank.count)


@pytest.mark.parametrize('momentum', [0.0, 0.5, 0.9])
def test_exponential_average(momentum):
    data = list(batches())
    bank = feed(PrototypeBank(K, D, momentum=momentum), data)
    expected = torch.zeros(K, D)
    for features, visible in data:
        for k in range(K):
            seen = features[:, k][visible[:, k]]
            if len(seen):
                mixed = momentum * expected[k] + (1 - momentum) * seen.mean(0)
                expected[k] = mixed / mixed.norm()
    torch.testing.assert_close(bank.theta, expected)
    if momentum == 0:
        last = exact_means(data[-1:])
        seen = data[-1][1].any(0)
        assert seen.any()
        torch.testing.assert_close(bank.theta[seen], F.normalize(last[seen], dim=-1))


def test_first_instance_makes_the_prototype():
    feature = F.normalize(torch.randn(1, K, D), dim=-1)
    for mode in ('ema', 'cma'):
        bank = PrototypeBank(K, D, mode=mode)
        assert not bank.theta.any()
        bank.update(feature, rows(feature), torch.ones(1, K, dtype=torch.bool))
        torch.testing.assert_close(bank.theta, feature[0])


@pytest.mark.parametrize('mode', ['ema', 'cma'])
def test_keypoints_not_in_the_batch_do_not_change(mode):
    bank = feed(PrototypeBank(K, D, mode=mode), batches())
    before = copy.deepcopy(bank.state_dict())
    features = F.normalize(torch.randn(2, K, D), dim=-1)
    visible = torch.tensor([[True, False, False, False], [True, False, True, False]])
    bank.update(features, rows(features), visible)
    for name, value in bank.state_dict().items():
        assert torch.equal(value[[1, 3]], before[name][[1, 3]])
        assert not torch.equal(value[[0, 2]], before[name][[0, 2]])
    before = copy.deepcopy(bank.state_dict())
    bank.update(features, rows(features), torch.zeros_like(visible))
    assert all(torch.equal(value, before[name]) for name, value in bank.state_dict().items())


def test_capped_count_forgets():
    data = list(batches(batch=1, number=6))
    bank = PrototypeBank(1, D, mode='cma', n_max=2)
    mean, count = torch.zeros(D), 0
    for features, _ in data:
        bank.update(features[:, :1], torch.zeros(1, 1, dtype=torch.int64), torch.tensor([[True]]))
        mean = (count * mean + features[0, 0]) / (count + 1)
        count = min(count + 1, 2)
    assert bank.count.item() == 2
    torch.testing.assert_close(bank.mu[0], mean)


def test_capped_count_of_an_exact_mean():
    bank = PrototypeBank(1, D, mode='cma', n_max=10)
    bank.set_mean(torch.ones(1, D), torch.tensor([1000]))
    assert bank.count.item() == 10


def test_restart_keeps_the_prototypes_until_the_next_instance():
    data = list(batches())
    bank = feed(PrototypeBank(K, D, mode='cma', reset='epoch'), data)
    before = bank.theta.clone()
    bank.restart()
    assert torch.equal(bank.theta, before) and not bank.count.any()
    feed(bank, data[:1])
    seen = data[0][1].any(0)
    torch.testing.assert_close(bank.mu[seen], exact_means(data[:1])[seen])
    assert torch.equal(bank.theta[~seen], before[~seen])


def test_rows_of_several_categories():
    bank = PrototypeBank(K, D, num_classes=2, mode='cma')
    features, visible = next(batches(number=1))
    classes = torch.tensor([1, 0, 1])
    bank.update(features, rows(features) + K * classes[:, None], visible)
    for category in (0, 1):
        part = [(features[classes == category], visible[classes == category])]
        torch.testing.assert_close(bank.mu[category * K :][:K], exact_means(part))
    own = bank.prototypes(classes)
    assert torch.equal(own, torch.stack([bank.theta[K:], bank.theta[:K], bank.theta[K:]]))


@pytest.mark.parametrize('classes', [1, 2])
def test_added_rows_leave_the_old_ones(classes):
    bank = PrototypeBank(K, D, num_classes=classes, mode='cma')
    with torch.no_grad():
        bank.theta.normal_()
        bank.count.random_(1, 9)
    old = bank.theta.clone().view(classes, K, D)
    bank.add_rows(2)
    table = bank.theta.view(classes, K + 2, D)
    assert torch.equal(table[:, :K], old) and not table[:, K:].any()
    assert bank.count.shape == (classes * (K + 2),) and bank.num_keypoints == K + 2
    features = torch.randn(1, K + 2, D)
    bank.update(features, rows(features), torch.ones(1, K + 2, dtype=torch.bool))
    PrototypeBank(K + 2, D, num_classes=classes).load_state_dict(bank.state_dict())
    with pytest.raises(ValueError, match='number of rows to add is 0'):
        bank.add_rows(0)


def test_a_copy_survives_updates():
    """The loss's backward needs the prototypes that its forward has seen."""
    bank = feed(PrototypeBank(K, D), batches())
    weight = torch.randn(D, D, requires_grad=True)
    product = (bank.prototypes() @ weight).square().sum()
    feed(bank, batches(number=1))
    product.backward()
    assert weight.grad.isfinite().all()


def test_no_parameters_and_single_precision():
    model = nn.Sequential(nn.Linear(D, D), feed(PrototypeBank(K, D), batches()))
    before = copy.deepcopy(model[1].state_dict())
    assert not list(model[1].parameters())
    for convert in (nn.Module.half, nn.Module.bfloat16, lambda m: m.to(torch.float16)):
        convert(model)
        assert model[0].weight.dtype != torch.float32
        for name, value in model[1].state_dict().items():
            assert torch.equal(value, before[name]) and value.dtype == before[name].dtype
    # features in half precision are summed in single precision
    features, visible = next(batches(number=1))
    model[1].update(features.half(), rows(features), visible)
    assert model[1].theta.dtype == torch.float32
    assert model.to('meta')[1].theta.device.type == 'meta'


@pytest.mark.parametrize('load', [nn.Module.load_state_dict, mmengine_load])
def test_checkpoint_with_other_prototypes(load):
    bank = feed(PrototypeBank(K, D), batches())
    same = PrototypeBank(K, D)
    load(same, bank.state_dict())
    assert torch.equal(same.theta, bank.theta) and torch.equal(same.count, bank.count)
    model = nn.ModuleDict(dict(bank=PrototypeBank(K + 3, D)))
    state = {f'bank.{name}': value for name, value in bank.state_dict().items()}
    with pytest.raises(
        ValueError, match=rf'bank.theta .* has {K} prototypes of {D} .*; the model has {K + 3} of'
    ):
        load(model, state)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(mode='mean'), "mode is 'mean'"),
        (dict(momentum=1.0), 'momentum is 1.0'),
        (dict(momentum=-0.1), 'momentum is -0.1'),
        (dict(mode='cma', reset='iter'), "reset is 'iter'"),
        (dict(reset='epoch'), "mode is 'ema' with reset='epoch'"),
        (dict(n_max=3), 'n_max=3'),
        (dict(mode='cma', n_max=0), 'n_max is 0'),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(type='PrototypeBank', num_keypoints=K, **options))
