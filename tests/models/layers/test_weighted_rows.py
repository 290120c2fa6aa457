import pytest
import torch

from kpt_plugins.models.layers.weighted_rows import weighted_rows


def random_inputs(rows=7, queries=5, places=4, channels=3, dtype=torch.float64, index=torch.int32):
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(rows, channels, dtype=dtype, generator=generator)
    weight = torch.randn(queries, places, dtype=dtype, generator=generator)
    number = torch.randint(rows, (queries, places), generator=generator).to(index)
    return table.requires_grad_(), number, weight.requires_grad_()


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('index', [torch.int32, torch.int64])
def test_equals_a_loop(dtype, index):
    table, number, weight = random_inputs(dtype=dtype, index=index)
    result = weighted_rows(table, number, weight)
    assert result.shape == (5, 3) and result.dtype == dtype
    for query in range(5):
        expected = sum(weight[query, p] * table[number[query, p]] for p in range(4))
        torch.testing.assert_close(result[query], expected)


@pytest.mark.parametrize('rows', [1, 3, 50])  # also with rows that nothing uses
def test_gradients(rows):
    table, number, weight = random_inputs(rows)
    assert torch.autograd.gradcheck(lambda t, w: weighted_rows(t, number, w), (table, weight))


def test_gradients_of_one_input_alone():
    table, number, weight = random_inputs()
    assert torch.autograd.gradcheck(lambda t: weighted_rows(t, number, weight.detach()), table)
    assert torch.autograd.gradcheck(lambda w: weighted_rows(table.detach(), number, w), weight)
    assert not weighted_rows(table.detach(), number, weight.detach()).requires_grad


def test_gradient_of_a_sum_of_two_uses():
    """An expanded (strided) gradient arrives, and the table's gradients add up."""
    table, number, weight = random_inputs()
    (
        weighted_rows(table, number, weight) + weighted_rows(table, number.flip(0), weight)
    ).sum().backward()
    expected = torch.zeros_like(table)
    for numbers in (number, number.flip(0)):
        for query in range(5):
            for place in range(4):
                expected[numbers[query, place]] += weight[query, place].detach()
    torch.testing.assert_close(table.grad, expected)
