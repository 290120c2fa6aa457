import torch

from kpt_plugins.models.layers.gaussian_maps import gaussian_maps
from kpt_plugins.models.layers.prompt_selection import spread_gaussian_prompts


def slow_choice(maps, points, sigma, candidates, keep):
    divergence = []
    for n in range(len(maps)):
        p = maps[n] / maps[n].sum()
        q = gaussian_maps(points[n], *maps.shape[1:], sigma)
        q = q / q.sum()
        divergence.append((p * (p / q).log()).sum().item())
    order = sorted(range(len(maps)), key=lambda n: divergence[n])[:candidates]
    kept = [order[0]]
    while len(kept) < min(keep, len(order)):
        rest = [n for n in order if n not in kept]
        kept.append(max(rest, key=lambda n: min((points[n] - points[m]).norm() for m in kept)))
    return set(kept)


def test_most_gaussian_and_far_apart():
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(3, 8, 2, generator=generator)
    noise = torch.rand(3, 8, 12, 12, generator=generator) * torch.linspace(0.01, 0.5, 8).view(
        8, 1, 1
    )
    maps = gaussian_maps(points, 12, 12, 1.5) + noise
    for candidates, keep in [(6, 3), (4, 4), (8, 1), (99, 99)]:
        result = spread_gaussian_prompts(maps, points, 1.5, candidates, keep)
        for b in range(3):
            expected = slow_choice(maps[b], points[b], 1.5, candidates, keep)
            assert set(torch.nonzero(result[b])[:, 0].tolist()) == expected
        assert set(result.unique().tolist()) <= {0.0, 1.0}


def test_prompts_in_one_place_are_kept_once_each():
    points = torch.full((1, 4, 2), 0.5)
    maps = gaussian_maps(points, 8, 8, 1.0)
    assert spread_gaussian_prompts(maps, points, 1.0, 4, 3).sum() == 3
