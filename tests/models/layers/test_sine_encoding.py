import math

import pytest
import torch

from kpt_plugins.models.layers.sine_encoding import index_encoding, sine_encoding


@pytest.mark.parametrize('dims', [8, 256])
def test_equals_the_formula(dims):
    """128 places for y, then 128 for x; angle 2 pi c / 10000^(2 floor(i / 2) / 128)."""
    points = torch.tensor([[0.3, 0.9], [-0.2, 1.1]], dtype=torch.float64)
    result = sine_encoding(points, dims)
    half = dims // 2
    for code, (x, y) in zip(result, points.tolist(), strict=True):
        for place in range(dims):
            coordinate, i = (y, place) if place < half else (x, place - half)
            angle = 2 * math.pi * coordinate / 10000 ** (2 * (i // 2) / half)
            expected = math.sin(angle) if i % 2 == 0 else math.cos(angle)
            assert code[place].item() == pytest.approx(expected, abs=1e-6)


def test_any_leading_shape():
    points = torch.rand(2, 3, 4, 2)
    result = sine_encoding(points, 16)
    assert result.shape == (2, 3, 4, 16)
    torch.testing.assert_close(result[1, 2, 3], sine_encoding(points[1, 2, 3], 16))


def test_index_encoding_is_that_of_fractions_from_one():
    result = index_encoding(10, 32)
    assert result.shape == (10, 32)
    for k in range(10):
        torch.testing.assert_close(result[k], sine_encoding(torch.tensor([(k + 1) / 10, 1.0]), 32))


def test_index_codes_differ():
    codes = index_encoding(70)
    distance = torch.cdist(codes, codes) + 9 * torch.eye(70)
    assert distance.min() > 0.1
