import pytest
import torch
from mmpose.registry import MODELS
from torch import nn

from kpt_plugins.models.regularizers import ParameterRegularizer, save_importance


class Model(nn.Module):
    """A body, a head of some keypoints, and a parameter without dimensions."""

    def __init__(self, keypoints, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.body = nn.Conv2d(3, 4, 3)
        self.head = nn.Conv2d(4, keypoints, 1)
        self.scale = nn.Parameter(torch.tensor(2.0))


def setup(tmp_path, kind='ewc', **options):
    """A regularizer with random importances for a model of two keypoints, and that model."""
    old = Model(2)
    generator = torch.Generator().manual_seed(1)
    importance = {n: torch.rand(p.shape, generator=generator) for n, p in old.named_parameters()}
    other = {n: torch.zeros_like(p) for n, p in importance.items()}
    kinds = {kind: importance, 'mas' if kind != 'mas' else 'ewc': other}
    save_importance(tmp_path / 'i.pth', dict(old.named_parameters()), kinds)
    config = dict(type='ParameterRegularizer', kind=kind, importance=str(tmp_path / 'i.pth'))
    regularizer = MODELS.build(dict(config, **options))
    regularizer.load()
    return regularizer, old, importance


def slow_penalty(model, old, importance, weight):
    total, new = 0.0, dict(model.named_parameters())
    for name, parameter in old.named_parameters():
        own, omega = new[name].detach(), importance[name]
        rows = len(parameter) if parameter.ndim else None
        own = (own[:rows] if parameter.ndim else own).reshape(-1)
        for i, value in enumerate(parameter.detach().reshape(-1)):
            total += omega.reshape(-1)[i].item() * (own[i] - value).item() ** 2
    return weight / 2 * total


@pytest.mark.parametrize('kind', ['ewc', 'mas', 'si', 'rwalk'])
@pytest.mark.parametrize('keypoints', [2, 5])
def test_equals_a_loop(tmp_path, kind, keypoints):
    regularizer, old, importance = setup(tmp_path, kind, loss_weight=30.0)
    model = Model(keypoints, seed=3)
    with torch.no_grad():
        model.scale += 1
    penalty = regularizer(model)
    expected = slow_penalty(model, old, importance, 30.0)
    assert penalty.item() == pytest.approx(expected, rel=1e-5)
    penalty.backward()
    for name, parameter in model.named_parameters():
        rows = slice(0, 2) if name.startswith('head') else ...
        before = dict(old.named_parameters())[name]
        gradient = 30 * importance[name] * (parameter[rows] - before)
        assert torch.allclose(parameter.grad[rows], gradient, rtol=1e-4)
        if name.startswith('head'):
            assert not parameter.grad[2:].any()
    assert all(
        torch.equal(gradient, dict(model.named_parameters())[name].grad)
        for name, gradient in regularizer.gradients(model).items()
    )


def test_frozen_parameters(tmp_path):
    """The penalty counts them, but has no gradient for them."""
    regularizer, *_ = setup(tmp_path)
    model = Model(5, seed=3)
    whole = regularizer(model).item()
    model.body.requires_grad_(False)
    assert regularizer(model).item() == whole
    assert set(regularizer.gradients(model)) == {'head.weight', 'head.bias', 'scale'}


def test_nothing_at_the_start(tmp_path):
    regularizer, old, _ = setup(tmp_path)
    penalty = regularizer(old)
    penalty.backward()
    assert penalty.item() == 0
    assert not any(p.grad.any() for p in old.parameters())


def test_is_no_part_of_checkpoints(tmp_path):
    regularizer, *_ = setup(tmp_path)
    assert not regularizer.state_dict()
    assert not list(regularizer.parameters())
    assert regularizer.to('meta')(Model(2).to('meta')).device.type == 'meta'


def test_single_precision_under_autocast(tmp_path):
    regularizer, *_ = setup(tmp_path)
    model = Model(2, seed=3)
    with torch.autocast('cpu', torch.bfloat16):
        assert regularizer(model) == regularizer(model).float()
    exact = regularizer(model).item()
    with torch.autocast('cpu', torch.bfloat16):
        assert regularizer(model).item() == exact


def test_model_is_what_the_importance_belongs_to(tmp_path):
    regularizer, old, _ = setup(tmp_path)
    grown = Model(5, seed=3)
    state = grown.state_dict()
    for name, value in old.state_dict().items():
        (state[name][: len(value)] if value.ndim else state[name]).copy_(value)
    grown.load_state_dict(state)
    regularizer.load(grown)
    with torch.no_grad():
        grown.head.bias[1] += 1e-6
    with pytest.raises(ValueError, match='i.pth belongs to other weights .*: head.bias differs'):
        regularizer.load(grown)


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="kind is 'fisher'; expected one of"):
        ParameterRegularizer('fisher')
    with pytest.raises(ValueError, match='regularizer.importance is not set'):
        ParameterRegularizer('ewc').load()
    with pytest.raises(FileNotFoundError, match='none.pth does not exist'):
        ParameterRegularizer('ewc', importance=str(tmp_path / 'none.pth')).load()
    regularizer, *_ = setup(tmp_path)
    other = ParameterRegularizer('si', importance=regularizer.path)
    with pytest.raises(
        ValueError, match=r"i.pth has no importance of kind 'si', only \['ewc', 'ma"
    ):
        other.load()


def test_models_that_do_not_fit(tmp_path):
    regularizer, *_ = setup(tmp_path)
    with pytest.raises(ValueError, match=r'head.weight has shape \(1, 4, 1, 1\) .* \(2, 4, 1, 1\)'):
        regularizer(Model(1))
    headless = Model(2)
    del headless.head
    with pytest.raises(ValueError, match='i.pth has a parameter head.weight, the model has none'):
        regularizer(headless)
    wide = Model(2)
    wide.body = nn.Conv2d(4, 4, 3)
    with pytest.raises(ValueError, match='body.weight has shape'):
        regularizer(wide)
