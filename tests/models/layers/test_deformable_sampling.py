import math

import pytest
import torch

from kpt_plugins.models.layers import deformable_sampling as module
from kpt_plugins.models.layers.deformable_sampling import (
    Tokens,
    bilinear_corners,
    compiled_operator,
    deformable_sampling,
)

SIZES = ((2, 3), (4, 6))
HEADS, SAMPLES, CHANNELS, HEAD_DIMS = 2, 3, 5, 4


def random_inputs(batch=2, size=3, groups=None, dtype=torch.float64, device='cpu', spread=1.6):
    """Maps and queries; a part of the locations lies outside the maps."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype).to(device)

    maps = [draw(groups or batch, CHANNELS, *hw) for hw in SIZES]
    shape = (batch, size, HEADS, len(SIZES), SAMPLES)
    locations = 0.5 + spread * (torch.rand(*shape, 2, generator=generator, dtype=dtype) - 0.5)
    weights = draw(*shape)
    return maps, locations.to(device), weights, draw(HEADS * HEAD_DIMS, CHANNELS), draw(8)


def sample(level, x, y):
    """Bilinear sample (C,) of a map (C, H, W), zero outside."""
    height, width = level.shape[1:]
    x, y = x * width - 0.5, y * height - 0.5
    total = torch.zeros(len(level), dtype=level.dtype)
    for column in (math.floor(x), math.floor(x) + 1):
        for row in (math.floor(y), math.floor(y) + 1):
            if 0 <= column < width and 0 <= row < height:
                total += (1 - abs(x - column)) * (1 - abs(y - row)) * level[:, row, column]
    return total


def sample_slowly(maps, locations, weights, projection, bias):
    """Project every cell, then sample point by point."""
    batch, size = locations.shape[:2]
    repeat = batch // len(maps[0])
    projected = [
        torch.einsum('gchw,dc->gdhw', level, projection) + bias[:, None, None] for level in maps
    ]
    out = torch.zeros(batch, size, HEADS * HEAD_DIMS, dtype=locations.dtype)
    for b in range(batch):
        for k in range(size):
            for head in range(HEADS):
                own = slice(head * HEAD_DIMS, (head + 1) * HEAD_DIMS)
                for level, maps_of_level in enumerate(projected):
                    for point in range(SAMPLES):
                        x, y = locations[b, k, head, level, point].tolist()
                        value = sample(maps_of_level[b // repeat, own], x, y)
                        out[b, k, own] += weights[b, k, head, level, point] * value
    return out


@pytest.mark.parametrize('batch, groups', [(1, 1), (2, 2), (6, 2), (3, 1)])
def test_equals_a_loop(batch, groups):
    maps, *rest = random_inputs(batch, groups=groups)
    result = deformable_sampling(Tokens.from_maps(maps), *rest)
    torch.testing.assert_close(result, sample_slowly(maps, *rest))


def test_everything_outside_is_zero():
    maps, locations, *rest = random_inputs()
    result = deformable_sampling(Tokens.from_maps(maps), locations + 7, *rest)
    assert not result.any()


def test_gradients():
    maps, locations, *rest = random_inputs(batch=4, size=2, groups=2)
    tokens = Tokens.from_maps(maps)
    inputs = [x.requires_grad_() for x in (tokens.features, locations, *rest)]

    def function(features, *inputs):
        return deformable_sampling(Tokens(features, SIZES), *inputs)

    assert torch.autograd.gradcheck(function, inputs)


def test_queries_must_share_the_maps_evenly():
    maps, *rest = random_inputs(batch=3, groups=2)
    with pytest.raises(ValueError, match='3 queries cannot share 2 sets of maps evenly'):
        deformable_sampling(Tokens.from_maps(maps), *rest)


@pytest.mark.parametrize('bad', [math.nan, math.inf, -1e30])
def test_wild_locations_do_no_harm(bad):
    """A diverging model must reach its loss, where the NaN is reported."""
    maps, locations, *rest = random_inputs(dtype=torch.float32)
    locations[0, 0, 0, 0, 0, 0] = bad
    result = deformable_sampling(Tokens.from_maps(maps), locations, *rest)
    assert result[1].isfinite().all() and result[0, 1:].isfinite().all()
    if bad == -1e30:
        assert result.isfinite().all()
    if math.isnan(bad):
        assert result[0, 0].isnan().any()


def test_tokens_of_maps():
    maps = random_inputs()[0]
    tokens = Tokens.from_maps(maps)
    assert tokens.sizes == SIZES and tokens.features.shape == (2, 2 * 3 + 4 * 6, CHANNELS)
    torch.testing.assert_close(tokens.features[1, 6 + 2 * 6 + 5], maps[1][1, :, 2, 5])


def test_corners_of_a_point():
    """In the middle between four cells, and at a corner of the map."""
    points = torch.tensor([[[1 / 3, 0.0]], [[0.5, 0.0]]])  # x, y: one level of one point each
    rows, shares = bilinear_corners(points, SIZES)
    assert rows.dtype == torch.int32
    assert sorted(rows[0, ::2].tolist()) == [0, 1, 3, 4]
    torch.testing.assert_close(shares[0, ::2], torch.full((4,), 0.25))
    assert rows[0, 1::2].tolist() == [6, 6, 6, 6]
    torch.testing.assert_close(shares[0, 1::2], torch.tensor([0, 0, 0, 0.25]))


class FakeOperator:
    """mmcv's operator with its argument order, computed by mmcv's own fallback in PyTorch."""

    def __init__(self):
        self.calls = 0

    def __call__(self, value, shapes, starts, locations, weights, step):
        from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

        self.calls += 1
        assert len(value) % step == 0
        assert starts.tolist() == [0, 6] and shapes.dtype == starts.dtype == torch.int64
        assert all(tensor.is_contiguous() for tensor in (value, locations, weights))
        return multi_scale_deformable_attn_pytorch(value, shapes, locations, weights)


@pytest.mark.parametrize('batch, groups', [(2, 2), (6, 2)])
def test_what_the_compiled_operator_is_given(batch, groups):
    maps, *rest = random_inputs(batch, groups=groups)
    operator = FakeOperator()
    result = module._project_then_sample(operator, Tokens.from_maps(maps), *rest)
    assert operator.calls == 1
    torch.testing.assert_close(result, sample_slowly(maps, *rest))


def test_compiled_operator_is_for_cuda_tensors_alone(monkeypatch):
    def forbidden():
        raise AssertionError

    monkeypatch.setattr(module, 'compiled_operator', forbidden)
    maps, *rest = random_inputs()
    deformable_sampling(Tokens.from_maps(maps), *rest)


@pytest.mark.parametrize('version, there', [('12.8', True), ('not available', False)])
def test_compiled_operator_is_found(monkeypatch, version, there):
    monkeypatch.setattr('mmcv.ops.get_compiling_cuda_version', lambda: version)
    compiled_operator.cache_clear()
    assert (compiled_operator() is not None) == there
    compiled_operator.cache_clear()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
class TestCuda:
    def outputs_and_gradients(self, device, dtype=torch.float32):
        maps, *rest = random_inputs(batch=4, groups=2, size=70, dtype=dtype, device=device)
        tokens = Tokens.from_maps(maps)
        inputs = [x.detach().requires_grad_() for x in (tokens.features, *rest)]
        out = deformable_sampling(Tokens(inputs[0], SIZES), *inputs[1:])
        out.square().sum().backward()
        return [out.detach().cpu(), *(x.grad.cpu() for x in inputs)]

    def test_plain_pytorch_agrees_with_cpu(self, monkeypatch):
        monkeypatch.setattr(module, 'compiled_operator', lambda: None)
        expected = self.outputs_and_gradients('cpu', torch.float64)
        for result, reference in zip(self.outputs_and_gradients('cuda'), expected, strict=True):
            scale = reference.abs().max()
            torch.testing.assert_close(
                result.double() / scale, reference / scale, atol=1e-5, rtol=0
            )

    def test_compiled_operator_agrees_with_cpu(self):
        if compiled_operator() is None:
            pytest.skip("needs mmcv's operators compiled with CUDA")
        expected = self.outputs_and_gradients('cpu', torch.float64)
        for result, reference in zip(self.outputs_and_gradients('cuda'), expected, strict=True):
            scale = reference.abs().max()
            torch.testing.assert_close(
                result.double() / scale, reference / scale, atol=1e-5, rtol=0
            )
