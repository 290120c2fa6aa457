"""Grounds, occluders and laying one picture over another."""

from __future__ import annotations

import numpy as np

from kpt_plugins.synthesis.background import draw_ground, draw_occluder, lay_over

SIZE = 48


def test_grounds_follow_from_their_random_numbers():
    first, again, other = (draw_ground(np.random.default_rng(seed), 0, SIZE) for seed in (1, 1, 2))
    assert first.shape == (SIZE, SIZE, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.std() > 3  # not a plain colour


def test_grounds_differ_from_each_other():
    rng = np.random.default_rng(0)
    colours = [draw_ground(rng, 0, SIZE).mean(axis=(0, 1)) for _ in range(20)]
    assert np.std(colours, axis=0).min() > 10


def test_occluders_lie_near_their_centre():
    distances = []
    for seed in range(30):
        canvas = draw_occluder(np.random.default_rng(seed), 0, SIZE, (30, 12))
        covered = np.argwhere(canvas.colour[..., 3] > 127)[:, ::-1]
        assert len(covered)
        distances.append(np.hypot(*(covered.mean(axis=0) - (30, 12))))
    assert np.median(distances) < 0.25 * SIZE


def test_laying_over_mixes_by_coverage():
    image = np.full((1, 3, 3), 100, np.uint8)
    over = np.zeros((1, 3, 4), np.uint8)
    over[0, 1] = (100, 50, 0, 128)  # premultiplied: half covered
    over[0, 2] = (10, 20, 30, 255)
    result = lay_over(image, over).astype(int)
    assert result[0, 0].tolist() == [100] * 3
    assert np.abs(result[0, 1] - (150, 100, 50)).max() <= 1
    assert result[0, 2].tolist() == [10, 20, 30]
