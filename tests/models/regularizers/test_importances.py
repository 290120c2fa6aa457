import pytest
import torch
from torch import nn

from kpt_plugins.models.regularizers import GradientPower, squared_output, trained_parameters


def network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    batches = torch.randn(3, 5, 3, generator=torch.Generator().manual_seed(1)).double()
    return model, batches


def numeric_gradient(model, function, parameter):
    """Central differences, entry by entry."""
    gradient = torch.zeros_like(parameter)
    for i in range(parameter.numel()):
        entry = parameter.data.view(-1)
        kept = entry[i].item()
        sides = []
        for step in (1e-5, -1e-5):
            entry[i] = kept + step
            sides.append(function(model).item())
        entry[i] = kept
        gradient.view(-1)[i] = (sides[0] - sides[1]) / 2e-5
    return gradient


@pytest.mark.parametrize('power', [1, 2])
def test_equals_finite_differences(power):
    model, batches = network()
    parameters = trained_parameters(model)
    importance = GradientPower(parameters, power)
    for batch in batches:
        importance.add(squared_output(model(batch).double()))
    result = importance.mean()
    for name, parameter in parameters.items():
        expected = torch.zeros_like(parameter)
        for batch in batches:

            def norm(model, batch=batch):
                return sum(row.square().sum() for row in model(batch)) / len(batch)

            expected += numeric_gradient(model, norm, parameter).abs() ** power / len(batches)
        assert torch.allclose(result[name], expected, rtol=1e-4, atol=1e-6)
        assert parameter.grad is None


def test_squares_are_taken_before_the_mean():
    """Two batches with opposite gradients are important, although their sum is not."""
    weight = nn.Parameter(torch.zeros(1))
    importance = GradientPower(dict(weight=weight), 2)
    for sign in (-3.0, 3.0):
        importance.add((sign * weight).sum())
    assert importance.mean()['weight'].item() == 9


def test_unused_parameter_has_no_importance():
    model, batches = network()
    unused = nn.Parameter(torch.ones(2))
    importance = GradientPower(dict(unused=unused, used=model[0].weight), 1)
    importance.add(squared_output(model(batches[0])))
    assert not importance.mean()['unused'].any()
    assert importance.mean()['used'].all()


def test_squared_output():
    heatmaps = torch.arange(24.0).view(2, 3, 2, 2)
    expected = (sum(v**2 for v in range(12)) + sum(v**2 for v in range(12, 24))) / 2
    assert squared_output(heatmaps).item() == expected
    large = torch.full((1, 1, 64, 64), 20.0, dtype=torch.float16)
    assert squared_output(large).item() == 400 * 64 * 64


def test_trained_parameters():
    """Neither frozen ones nor those that stay out of checkpoints."""
    model, _ = network()
    model[0].weight.requires_grad_(False)

    def leave_out(module, state, *_):
        del state['2.bias']

    model.register_state_dict_post_hook(leave_out)
    assert list(trained_parameters(model)) == ['0.bias', '2.weight']
    assert trained_parameters(model)['0.bias'] is model[0].bias
