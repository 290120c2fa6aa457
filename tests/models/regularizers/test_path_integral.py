"""SI and RWalk against loops over steps and single parameters."""

import pytest
import torch
from torch import nn

from kpt_plugins.models.regularizers import RiemannianWalk, SynapticIntelligence

STEPS = 23


def walk(steps=STEPS, seed=0):
    """Two tensors, and random gradients and changes for each step; ``b`` has none at times."""
    generator = torch.Generator().manual_seed(seed)
    start = dict(
        a=torch.randn(3, generator=generator).double(), b=torch.randn(2, 2, generator=generator)
    )
    record = []
    for step in range(steps):
        names = ['a', 'b'] if step % 4 else ['a']
        gradients = {n: torch.randn(start[n].shape, generator=generator).double() for n in names}
        changes = {
            n: -0.1 * g + 0.05 * torch.randn(g.shape, generator=generator)
            for n, g in gradients.items()
        }
        record.append((gradients, changes))
    return {n: value.double() for n, value in start.items()}, record


def run(integral_class, start, record, **options):
    parameters = {name: nn.Parameter(value.clone()) for name, value in start.items()}
    integral = integral_class(parameters, **options)
    go_on(integral, record)
    return integral


def go_on(integral, record):
    for gradients, changes in record:
        with torch.no_grad():
            for name, change in changes.items():
                integral.parameters[name] += change
        integral.update(gradients, changes)


def entries(start, record):
    """Name, index and per step (gradient, change) of every single parameter."""
    for name, value in start.items():
        for i in range(value.numel()):
            yield (
                name,
                i,
                [
                    (g[name].view(-1)[i].item(), c[name].view(-1)[i].item())
                    if name in g
                    else (0, 0)
                    for g, c in record
                ],
            )


@pytest.mark.parametrize('damping', [1e-3, 0.1])
def test_synaptic_intelligence_equals_a_loop(damping):
    start, record = walk()
    result = run(SynapticIntelligence, start, record, damping=damping).finish()
    zeros = 0
    for name, i, steps in entries(start, record):
        omega = -sum(g * c for g, c in steps)
        moved = sum(c for _, c in steps)
        expected = max(omega, 0) / (moved**2 + damping)
        zeros += expected == 0
        assert result[name].view(-1)[i].item() == pytest.approx(expected, rel=1e-9)
    assert zeros < 4


def test_harmful_moves_are_not_important():
    start, record = walk()
    uphill = [(gradients, {n: -c for n, c in changes.items()}) for gradients, changes in record]
    result = run(SynapticIntelligence, start, uphill).finish()
    assert not any(value.any() for value in result.values())


def slow_walk(steps, interval, rate, damping):
    """Fisher and score of one parameter."""
    fisher, score = None, 0.0
    for first in range(0, len(steps), interval):
        part = steps[first : first + interval]
        square = sum(g * g for g, _ in part) / len(part)
        fisher = square if fisher is None else rate * square + (1 - rate) * fisher
        gain = -sum(g * c for g, c in part)
        moved = sum(c for _, c in part)
        score += max(0.0, gain / (0.5 * fisher * moved**2 + damping))
    return fisher, score


@pytest.mark.parametrize('interval, rate, damping', [(1, 0.9, 1e-3), (5, 0.3, 0.1), (30, 0.9, 1)])
def test_riemannian_walk_equals_a_loop(interval, rate, damping):
    start, record = walk()
    options = dict(interval=interval, rate=rate, damping=damping)
    result = run(RiemannianWalk, start, record, **options).finish()
    slow = [
        (name, i, *slow_walk(steps, interval, rate, damping))
        for name, i, steps in entries(start, record)
    ]
    largest_fisher = max(fisher for *_, fisher, _ in slow)
    largest_score = max(score for *_, score in slow)
    for name, i, fisher, score in slow:
        expected = fisher / largest_fisher + score / largest_score
        assert result[name].view(-1)[i].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize('integral_class', [SynapticIntelligence, RiemannianWalk])
@pytest.mark.parametrize('stop', [7, 10, 20])
def test_interrupted_walk_ends_the_same(integral_class, stop):
    start, record = walk()
    whole = run(integral_class, start, record).finish()
    first = run(integral_class, start, record[:stop])
    # the new process has the parameters of the checkpoint, the state from it
    parameters = {n: nn.Parameter(p.detach().clone()) for n, p in first.parameters.items()}
    second = integral_class(parameters)
    second.load_state_dict(first.state_dict())
    go_on(second, record[stop:])
    assert all(torch.equal(value, whole[name]) for name, value in second.finish().items())


@pytest.mark.parametrize('integral_class', [SynapticIntelligence, RiemannianWalk])
def test_state_of_another_model(integral_class):
    start, record = walk()
    state = run(integral_class, start, record).state_dict()
    other = integral_class(dict(a=nn.Parameter(torch.zeros(4)), b=nn.Parameter(torch.zeros(2, 2))))
    with pytest.raises(ValueError, match='other parameters'):
        other.load_state_dict(state)


@pytest.mark.parametrize('integral_class', [SynapticIntelligence, RiemannianWalk])
def test_without_a_step_nothing_is_important(integral_class):
    start, _ = walk()
    result = run(integral_class, start, []).finish()
    assert not any(value.any() for value in result.values())
