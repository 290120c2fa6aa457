"""Sprites: what they cover, and how they are shaded."""

from __future__ import annotations

import numpy as np
import pytest

from kpt_plugins.synthesis.shapes import panel
from kpt_plugins.synthesis.sprites import make_sprite
from kpt_plugins.synthesis.textures import random_texture
from tests.synthesis.test_shapes import area


def test_sprite_covers_its_polygon_exactly():
    polygon = panel(0.1, 0.5, 0.2)
    sprite = make_sprite(polygon, random_texture(np.random.default_rng(0)), 100.0)
    alpha = sprite.bgra[..., 3].astype(float) / 255
    assert alpha.sum() == pytest.approx(area(polygon) * 100**2, rel=0.01)
    y, x = np.mgrid[: alpha.shape[0], : alpha.shape[1]] + 0.5
    centre = np.array([(alpha * x).sum(), (alpha * y).sum()]) / alpha.sum() / 100 + sprite.corner
    assert centre == pytest.approx((0.3, 0.0), abs=1e-3)  # a tenth of a pixel
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    assert border.max() == 0  # else warping would cut the edge


def test_relief_darkens_the_rim_and_the_outline_the_contour():
    polygon, texture = panel(-0.5, 0.5, 0.5), random_texture(np.random.default_rng(0))
    sprites = {
        options: make_sprite(polygon, texture, 60.0, *options).bgra.astype(float)
        for options in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5))
    }
    flat = sprites[0.0, 0.0]
    height, width = flat.shape[:2]
    middle = np.s_[height // 2, width // 2, :3]
    rim = np.s_[height // 2, 5, :3]  # 2 pixels within the polygon
    for relief, outline in ((0.5, 0.0), (0.0, 0.5)):
        shaded = sprites[relief, outline]
        np.testing.assert_array_equal(shaded[..., 3], flat[..., 3])
        np.testing.assert_allclose(shaded[middle], flat[middle], atol=1)
        assert shaded[height // 2, 3, :3].sum() < 0.9 * flat[height // 2, 3, :3].sum()
    assert sprites[0.5, 0.0][rim].sum() < 0.95 * flat[rim].sum()
    np.testing.assert_allclose(sprites[0.0, 0.5][rim], flat[rim], atol=1)  # a thin line


def test_a_finer_sprite_covers_the_same():
    polygon, texture = panel(-0.3, 0.4, 0.2, 0.3), random_texture(np.random.default_rng(1))
    covered = []
    for resolution in (20.0, 100.0):
        sprite = make_sprite(polygon, texture, resolution)
        covered.append(sprite.bgra[..., 3].sum() / 255 / resolution**2)
        assert (sprite.corner < polygon.min(axis=0)).all()
    assert covered[0] == pytest.approx(covered[1], rel=0.02)
