"""Gradients and changes as an optimiser's own step has them, however it is wrapped."""

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from kpt_plugins.engine.step_recorder import StepRecorder
from kpt_plugins.models.regularizers import ParameterRegularizer, save_importance


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(3, 2)
        self.unused = nn.Parameter(torch.ones(2))
        self.regularizer = None

    def task_loss(self, x):
        return (self.linear(x) - 5).square().mean()

    def loss(self, x):
        penalty = 0 if self.regularizer is None else self.regularizer(self)
        return self.task_loss(x) + penalty


def batches(number=4):
    return torch.randn(number, 6, 3, generator=torch.Generator().manual_seed(1))


def record(model, wrapper, data):
    steps = []
    recorder = StepRecorder(
        wrapper, model, dict(model.named_parameters()), lambda *step: steps.append(step)
    )
    for x in data:
        wrapper.update_params(model.loss(x))
    recorder.stop()
    return steps


def regularizer(model, tmp_path):
    importance = {name: torch.ones_like(p) * 3 for name, p in model.named_parameters()}
    old = {name: p + 1 for name, p in model.named_parameters()}
    save_importance(tmp_path / 'i.pth', old, dict(ewc=importance))
    penalty = ParameterRegularizer('ewc', 0.5, str(tmp_path / 'i.pth'))
    penalty.load()
    return penalty


@pytest.mark.parametrize('penalised', [False, True])
@pytest.mark.parametrize('accumulative_counts', [1, 2])
@pytest.mark.parametrize(
    'clip_grad', [None, dict(max_norm=0.1), dict(type='value', clip_value=0.01)]
)
@pytest.mark.parametrize('optimizer', ['SGD', 'Adam', 'AdamW'])
def test_steps(tmp_path, optimizer, clip_grad, accumulative_counts, penalised):
    model, data = Model(), batches()
    model.regularizer = regularizer(model, tmp_path) if penalised else None
    optimizer = getattr(torch.optim, optimizer)(model.parameters(), 0.05, weight_decay=0.1)
    wrapper = OptimWrapper(optimizer, accumulative_counts, clip_grad and dict(clip_grad))
    wrapper.initialize_count_status(model, 0, len(data))

    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    steps = record(model, wrapper, data)
    assert len(steps) == len(data) // accumulative_counts

    reached = before
    for number, (gradients, changes) in enumerate(steps):
        # the gradient of the task's loss alone, where the parameters were
        first = number * accumulative_counts
        twin = Model()
        twin.load_state_dict(reached, strict=False)
        part = data[first : first + accumulative_counts]
        sum(twin.task_loss(x) for x in part).div(accumulative_counts).backward()
        assert set(changes) == set(gradients)
        assert set(gradients) == {'linear.weight', 'linear.bias'} | (
            {'unused'} if penalised else set()
        )
        for name, parameter in twin.named_parameters():
            if name in gradients:
                expected = torch.zeros(2) if parameter.grad is None else parameter.grad
                assert torch.allclose(gradients[name], expected, atol=1e-5)
                assert not torch.equal(changes[name], torch.zeros_like(parameter))
        reached = {n: value + changes.get(n, 0) for n, value in reached.items()}
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter, reached[name], atol=1e-6)


def test_watching_changes_no_step():
    ends = []
    for watched in (False, True):
        model = Model()
        wrapper = OptimWrapper(torch.optim.Adam(model.parameters()), clip_grad=dict(max_norm=0.1))
        if watched:
            record(model, wrapper, batches())
        else:
            for x in batches():
                wrapper.update_params(model.loss(x))
        ends.append(model.linear.weight)
    assert torch.equal(*ends)


def test_stopped():
    model = Model()
    wrapper = OptimWrapper(torch.optim.Adam(model.parameters()), clip_grad=dict(max_norm=0.1))
    clip = wrapper.clip_func
    steps = record(model, wrapper, batches())
    assert wrapper.clip_func is clip
    wrapper.update_params(model.loss(batches()[0]))
    assert len(steps) == 4


def test_skipped_step_leaves_nothing_behind():
    """As with a gradient scaler that found an infinite gradient after clipping."""
    model = Model()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), 0.1), clip_grad=dict(max_norm=9e9))
    steps = []
    StepRecorder(wrapper, model, dict(model.named_parameters()), lambda *s: steps.append(s))
    wrapper.backward(model.loss(batches()[0]))
    wrapper._clip_grad()
    wrapper.zero_grad()
    assert not steps
    wrapper.update_params(model.loss(batches()[1]))
    twin = Model()
    twin.loss(batches()[1]).backward()
    assert torch.equal(steps[0][0]['linear.bias'], twin.linear.bias.grad)
