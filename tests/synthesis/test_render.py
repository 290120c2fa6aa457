"""Painting of sprites: position, order, depth, visibility."""

from __future__ import annotations

import numpy as np
import pytest

from kpt_plugins.synthesis import visibility
from kpt_plugins.synthesis.jointed import JointedBuilder
from kpt_plugins.synthesis.model import Layer
from kpt_plugins.synthesis.render import Canvas, apply_affine, compose
from kpt_plugins.synthesis.shapes import panel
from kpt_plugins.synthesis.solid import SolidBuilder
from kpt_plugins.synthesis.sprites import make_sprite
from kpt_plugins.synthesis.textures import random_texture

TO_CANVAS = np.array([[40.0, 0, 50], [0, 40.0, 50]])


@pytest.fixture(scope='module')
def square():
    """[-0.5, 0.5] x [-0.5, 0.5]."""
    return make_sprite(panel(-0.5, 0.5, 0.5), random_texture(np.random.default_rng(0)), 50.0)


def test_affine_helpers():
    a, b = np.array([[1.0, 2, 3], [0, 1, -1]]), np.array([[0.0, 1, 5], [-1, 0, 2]])
    points = np.random.default_rng(0).normal(size=(5, 2))
    assert apply_affine(compose(a, b), points) == pytest.approx(
        apply_affine(a, apply_affine(b, points))
    )


@pytest.mark.parametrize('angle', [0.0, 0.3, 2.0])
def test_parts_land_where_their_points_do(square, angle):
    canvas = Canvas(100, 120)
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.array([[c, -s, 0.31], [s, c, -0.17]])
    to_canvas = np.array([[50.0, 0, 50], [0, 50.0, 50]])
    canvas.paint(Layer(square, matrix, 7), to_canvas)
    cover = canvas.colour[..., 3] / 255
    y, x = np.mgrid[:100, :120] + 0.5
    centre = np.array([(cover * x).sum(), (cover * y).sum()]) / cover.sum()
    assert centre == pytest.approx((50 + 0.31 * 50, 50 - 0.17 * 50), abs=0.1)
    assert cover.sum() == pytest.approx(50**2, rel=0.02)
    assert set(np.unique(canvas.parts)) == {0, 7}
    assert (canvas.parts > 0).sum() == pytest.approx(50**2, rel=0.05)


def test_parts_outside_are_ignored_and_cut_at_the_border(square):
    canvas = Canvas(100, 100)
    canvas.paint(Layer(square, np.array([[1.0, 0, 9], [0, 1, 0]]), 1), TO_CANVAS)
    assert canvas.parts.max() == 0
    canvas.paint(Layer(square, np.array([[1.0, 0, -1.25], [0, 1, 0]]), 1), TO_CANVAS)
    assert (canvas.parts > 0).sum() == pytest.approx(20 * 40, abs=30)  # half of it at x < 20


def test_later_parts_hide_earlier_ones_without_depth(square):
    canvas = Canvas(100, 100)
    canvas.paint(Layer(square, np.eye(2, 3), 1), TO_CANVAS)
    canvas.paint(Layer(square, np.array([[1.0, 0, 0.5], [0, 1, 0]]), 2), TO_CANVAS)
    assert canvas.parts[50, 40] == 1 and canvas.parts[50, 60] == 2


def test_nearer_parts_win_whatever_the_order(square):
    tilted = np.array([1.0, 0, 0])  # nearness = x: in front on the right
    level = np.array([0.0, 0, 0])
    for order in ((1, 2), (2, 1)):
        canvas = Canvas(100, 100)
        for part in order:
            plane = tilted if part == 1 else level
            canvas.paint(Layer(square, np.eye(2, 3), part, plane=plane), TO_CANVAS)
        assert (canvas.parts[40:60, 32:49] == 2).all()
        assert (canvas.parts[40:60, 51:68] == 1).all()


def test_ground_is_opaque(square):
    ground = np.full((20, 30, 3), 77, np.uint8)
    canvas = Canvas(20, 30, ground)
    assert (canvas.colour[..., :3] == 77).all() and (canvas.colour[..., 3] == 255).all()


def test_visibility_against_a_loop():
    rng = np.random.default_rng(0)
    parts = rng.integers(0, 4, (20, 30)).astype(np.uint8)
    points = rng.uniform(-3, 33, (300, 2))
    owners = [frozenset(rng.choice([1, 2, 3, 9], 2).tolist()) for _ in points]
    slow = []
    for (x, y), own in zip(points, owners, strict=True):
        seen = False
        if 0 <= x < 30 and 0 <= y < 20:
            for row in range(int(y) - 1, int(y) + 2):
                for col in range(int(x) - 1, int(x) + 2):
                    if 0 <= row < 20 and 0 <= col < 30 and parts[row, col] in own:
                        seen = True
        slow.append(seen)
    assert visibility(points, parts, owners).tolist() == slow
    assert 20 < sum(slow) < 280


@pytest.mark.parametrize('cover', [False, True])
def test_a_part_in_front_hides_a_keypoint(cover):
    b = JointedBuilder(np.random.default_rng(0), 60.0)
    root = b.bone(-1, 0, 0)
    plate = b.part(root, panel(0, 1, 0.5), 'plate')
    b.keypoint('free', root, 0.1, (plate,))
    b.keypoint('covered', root, 0.8, (plate,), 0)
    b.keypoint('far', root, 5.0, (plate,), 0)  # falls outside of the image
    patch = b.part(root, panel(0.6, 1.0, 0.3), 'patch', z=1 if cover else -1)
    b.keypoint('on_patch', root, 0.8 + 0.1j, (patch,), 0)
    blueprint = b.build()
    posed = blueprint.model.rest()
    canvas = Canvas(100, 100)
    to_canvas = np.array([[60.0, 0, 20], [0, 60.0, 50]])
    for layer in posed.layers:
        canvas.paint(layer, to_canvas)
    seen = visibility(apply_affine(to_canvas, posed.points), canvas.parts, blueprint.owners)
    assert seen.tolist() == [True, not cover, False, cover]


def test_a_cube_shows_seven_of_its_corners():
    b = SolidBuilder(np.random.default_rng(0), 80.0)
    faces = b.box((0, 0, 0), (1, 1, 1), 'wood')
    for x in (0, 1):
        for y in (0, 1):
            for z in (0, 1):
                on = ('right' if x else 'left', 'bottom' if y else 'top', 'front' if z else 'back')
                b.keypoint(f'{x}{y}{z}', (x, y, z), [faces[f] for f in on])
    blueprint = b.build()
    # Turned to show the right side, seen from above: only left, bottom, back is hidden.
    posed = blueprint.model.seen_from(np.deg2rad(-35), np.deg2rad(30))
    assert sorted(layer.part for layer in posed.layers) == sorted(
        faces[f] for f in ('front', 'right', 'top')
    )
    canvas = Canvas(100, 100)
    to_canvas = np.array([[60.0, 0, 50], [0, 60.0, 50]])
    for layer in posed.layers:
        canvas.paint(layer, to_canvas)
    seen = visibility(apply_affine(to_canvas, posed.points), canvas.parts, blueprint.owners)
    hidden = [n for n, s in zip(blueprint.names, seen, strict=True) if not s]
    assert hidden == ['010']  # x = 0, y = 1 (down), z = 0 (away)


def test_a_box_hides_the_box_behind_it():
    b = SolidBuilder(np.random.default_rng(0), 80.0)
    front = b.box((-1, -1, 1), (1, 1, 2), 'front')
    back = b.box((-0.5, -0.5, 0), (0.5, 0.5, 0.5), 'back')
    b.keypoint('front', (0, 0, 2), [front['front']])
    b.keypoint('back', (0, 0, 0.5), [back['front']])
    blueprint = b.build()
    posed = blueprint.model.seen_from(0.0, 0.0)
    canvas = Canvas(100, 100)
    to_canvas = np.array([[60.0, 0, 50], [0, 60.0, 50]])
    for layer in posed.layers[::-1]:
        canvas.paint(layer, to_canvas)
    seen = visibility(apply_affine(to_canvas, posed.points), canvas.parts, blueprint.owners)
    assert seen.tolist() == [True, False]
