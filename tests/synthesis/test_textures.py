"""Colours and textures."""

from __future__ import annotations

import numpy as np
import pytest

from kpt_plugins.synthesis.textures import (
    KINDS,
    Texture,
    Wardrobe,
    random_colour,
    random_texture,
    sided,
)


def texture(kind: str, seed: int = 0) -> Texture:
    base, accent = np.float32([10, 20, 30]), np.float32([200, 210, 220])
    return Texture(kind, base, accent, 0.1, 0.4, seed)


@pytest.mark.parametrize('kind', KINDS)
def test_every_kind_stays_near_its_two_colours(kind):
    patch = texture(kind).draw(40, 60, 100.0)
    assert patch.shape == (40, 60, 3) and patch.dtype == np.float32
    assert patch.min() >= 10 * 0.9 and patch.max() <= 220 * 1.1
    # Both colours show, except where the second one is a hint only.
    assert np.ptp(patch[..., 0]) > (20 if kind in ('plain', 'grain') else 120)
    assert np.array_equal(patch, texture(kind).draw(40, 60, 100.0))


def test_unknown_kind_is_named():
    with pytest.raises(ValueError, match="'tartan' is not one of"):
        texture('tartan').draw(8, 8, 10.0)


def test_details_come_from_the_seed():
    assert not np.array_equal(
        texture('spots').draw(40, 40, 100.0), texture('spots', 1).draw(40, 40, 100.0)
    )


def test_wardrobe_draws_a_role_once_and_keeps_roles_apart():
    wardrobe = Wardrobe(np.random.default_rng(0))
    assert wardrobe['torso'] is wardrobe['torso']
    roles = [wardrobe[str(i)].base for i in range(5)]
    gaps = [np.linalg.norm(a - b) for i, a in enumerate(roles) for b in roles[:i]]
    assert min(gaps) > 20


def test_colours_keep_away_from_those_given():
    rng = np.random.default_rng(0)
    given = [np.float32([0, 0, 255])]
    near = [np.linalg.norm(random_colour(rng, given) - given[0]) for _ in range(50)]
    free = [np.linalg.norm(random_colour(rng) - given[0]) for _ in range(50)]
    assert np.mean(near) > np.mean(free) + 20


def test_sides_differ_a_little():
    drawn = random_texture(np.random.default_rng(0), kind='plain')
    left, right = sided(drawn, -1).base, sided(drawn, 1).base
    assert 3 < np.abs(left - right).max() < 60
