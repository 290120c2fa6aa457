"""Rigid objects: which faces are seen, and where their points land."""

from __future__ import annotations

import numpy as np
import pytest

from kpt_plugins.synthesis.render import apply_affine
from kpt_plugins.synthesis.solid import SolidBuilder

CORNERS = [(x, y, z) for x in (-1, 1) for y in (-2, 2) for z in (-3, 3)]


@pytest.fixture
def block():
    """A box of 2 x 4 x 6 with a keypoint at each corner, and its parts by side."""
    b = SolidBuilder(np.random.default_rng(0), 20.0)
    sides = b.box((-1, -2, -3), (1, 2, 3), 'wood')
    for number, corner in enumerate(CORNERS):
        on = ['right' if corner[0] > 0 else 'left', 'bottom' if corner[1] > 0 else 'top']
        on.append('front' if corner[2] > 0 else 'back')
        b.keypoint(f'corner_{number}', corner, [sides[side] for side in on])
    return b.build(), sides


@pytest.mark.parametrize(
    ('yaw', 'pitch', 'shown'),
    [
        (0, 0, {'front'}),
        (0, 30, {'front', 'top'}),
        (0, -30, {'front', 'bottom'}),
        (40, 0, {'front', 'left'}),
        (-40, 0, {'front', 'right'}),
        (180, 0, {'back'}),
        (-40, 30, {'front', 'right', 'top'}),
    ],
)
def test_faces_turned_away_are_not_drawn(block, yaw, pitch, shown):
    blueprint, sides = block
    posed = blueprint.model.seen_from(*np.deg2rad([yaw, pitch]))
    assert {layer.part for layer in posed.layers} == {sides[side] for side in shown}


def test_projection_from_the_front_drops_the_depth(block):
    blueprint, _ = block
    scale = 1.15 / np.sqrt(4 + 16 + 36)
    points = blueprint.model.seen_from(0, 0).points
    np.testing.assert_allclose(points, np.array(CORNERS)[:, :2] * scale, atol=1e-12)
    stretched = blueprint.model.seen_from(0, 0, (2, 1, 1)).points
    np.testing.assert_allclose(stretched, points * (2, 1), atol=1e-12)


def test_sprites_and_nearness_agree_with_the_corners(block):
    """Every corner lies on the picture of each face that owns it, at its own depth."""
    blueprint, _ = block
    model = blueprint.model
    for seed in range(5):
        yaw, pitch = np.random.default_rng(seed).uniform(-0.6, 0.6, 2)
        scale = np.random.default_rng(seed).uniform(0.9, 1.1, 3)
        posed = model.seen_from(yaw, pitch, scale)
        layers = {layer.part: layer for layer in posed.layers}
        cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
        x, y, z = (model.points * scale).T
        depth = -sp * y + cp * (cy * z - sy * x)
        for k, owners in enumerate(blueprint.owners):
            for part in owners & layers.keys():
                layer, face = layers[part], model.faces[part - 1]
                flat = (model.points[k] - face.origin) @ face.axes.T
                np.testing.assert_allclose(
                    apply_affine(layer.matrix, flat[None])[0], posed.points[k], atol=1e-9
                )
                nearness = layer.plane @ np.append(posed.points[k], 1)
                assert nearness == pytest.approx(depth[k], abs=1e-9)


def test_decals_win_against_their_face():
    b = SolidBuilder(np.random.default_rng(0), 20.0)
    front = b.box((-1, -1, -1), (1, 1, 1), 'wood')['front']
    decals = [b.rectangle((-0.5, -0.5), (0.5, 0.5), 1, 1, 'paint')]
    decals.append(b.disc((0, 0, 1), (0.5, 0.5), 'z', 1, 'paint'))
    b.keypoint('middle', (0, 0, 1), (front,))
    layers = {layer.part: layer for layer in b.build().model.seen_from(0.2, 0.1).layers}
    for decal in decals:
        assert layers[decal].plane[2] > layers[front].plane[2]


def test_poses_stay_in_their_range():
    b = SolidBuilder(np.random.default_rng(0), 20.0)
    b.box((-1, -1, -1), (1, 1, 1), 'wood')
    b.keypoint('front', (0, 0, 1), (1,))
    model = b.build(yaw=10, pitch=0, yaw_range=20, pitch_range=0).model
    radius = np.hypot(*model.seen_from(np.pi / 2, 0).points[0])
    seen = [model.pose(np.random.default_rng(seed)).points[0, 0] / radius for seed in range(100)]
    # the front lies at radius * sin(yaw), stretched by up to 8 %
    assert max(seen) <= 1.08 * np.sin(np.deg2rad(30)) and min(seen) >= -1.08 * np.sin(
        np.deg2rad(10)
    )
    assert max(seen) > 0.4 and min(seen) < -0.1
