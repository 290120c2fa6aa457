import math

import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS

B, N, C, D, H, W = 2, 6, 8, 5, 9, 11


def build(**kwargs):
    torch.manual_seed(0)
    config = dict(type='CorrespondenceHead', in_channels=C, dims=D, num_groups=4)
    return MODELS.build({**config, **kwargs})


def descriptors(seed=0, channels=D, size=(H, W)):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(B, channels, *size, generator=generator), dim=1)


def slow_transfer(head, point, source, target):
    grid = (2 * point - 1)[None, None, None]
    query = F.grid_sample(source[None], grid, align_corners=False).flatten()
    query = query / query.norm()
    cosine = {
        (r, c): (query @ target[:, r, c]).item()
        for r in range(target.shape[1])
        for c in range(target.shape[2])
    }
    (row, column), peak = max(cosine.items(), key=lambda item: item[1])
    near = {
        (r, c): math.exp((value - peak) * head.scale.item())
        for (r, c), value in cosine.items()
        if abs(r - row) <= head.radius and abs(c - column) <= head.radius
    }
    total = sum(near.values())
    x = sum(w * (c + 0.5) for (_, c), w in near.items()) / total / target.shape[2]
    y = sum(w * (r + 0.5) for (r, _), w in near.items()) / total / target.shape[1]
    return [x, y], peak


def test_transfer_one_point_after_the_other():
    head = build(radius=2, temperature=0.3)
    source, target = descriptors(0), descriptors(1, size=(7, 12))
    points = 0.1 + 0.8 * torch.rand(B, N, 2)
    result, cosine = head.transfer(points, source, target)
    for b in range(B):
        for n in range(N):
            place, peak = slow_transfer(head, points[b, n], source[b], target[b])
            torch.testing.assert_close(result[b, n], torch.tensor(place))
            assert cosine[b, n].item() == pytest.approx(peak, abs=1e-5)


def test_transfer_to_the_same_image_stays():
    head = build(temperature=0.01)
    maps = descriptors(0, channels=64)
    points = torch.tensor([[[3.5 / W, 2.5 / H], [10.5 / W, 8.5 / H]]]).expand(B, 2, 2)
    result, cosine = head.transfer(points, maps, maps)
    torch.testing.assert_close(result, points, atol=1e-4, rtol=0)
    torch.testing.assert_close(cosine, torch.ones(B, 2))


def test_transfer_teaches_nothing():
    head = build()
    features = torch.randn(B, C, H, W, requires_grad=True)
    points = torch.rand(B, N, 2, requires_grad=True)
    result, cosine = head.transfer(points, head(features), head(features))
    assert not result.requires_grad and not cosine.requires_grad


def test_descriptors_have_length_one():
    head = build()
    features = torch.randn(B, C, H, W, requires_grad=True)
    result = head(features)
    assert result.shape == (B, D, H, W)
    torch.testing.assert_close(result.norm(dim=1), torch.ones(B, H, W))
    result[:, 0].sum().backward()
    assert features.grad.any()


def test_features_themselves():
    head = build(dims=None)
    features = torch.randn(B, C, H, W)
    torch.testing.assert_close(head(features), F.normalize(features, dim=1))
    assert [name for name, _ in head.named_parameters()] == ['log_scale']


def test_scale_is_learned_and_limited():
    head = build(temperature=0.07)
    assert head.scale.item() == pytest.approx(1 / 0.07)
    head.scale.backward()
    assert head.log_scale.grad.item() == pytest.approx(1 / 0.07)
    head.log_scale.data.fill_(50.0)
    assert head.scale.item() == 100
