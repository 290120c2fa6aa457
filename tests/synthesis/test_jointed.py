"""Bones, limbs and poses."""

from __future__ import annotations

import numpy as np
import pytest

from kpt_plugins.synthesis.jointed import JointedBuilder
from kpt_plugins.synthesis.shapes import panel


def arm(limit=30.0, **options):
    """A body from x = 0 to 2 and on its end a limb of two segments of length 1, straight up."""
    b = JointedBuilder(np.random.default_rng(0), 20.0)
    body = b.bone(-1, 0, 0)
    trunk = b.part(body, panel(0, 2, 0.25), 'trunk')
    root = b.keypoint('root', body, 0, (trunk,))
    b.limb(
        ['shoulder', 'elbow', 'hand'], body, 2, -90, [1, 1], [0.25] * 3, ['upper', 'lower'],
        [limit] * 2, link=root, root_owners=(trunk,),
    )  # fmt: skip
    return b.build(**options)


def test_rest_is_as_described_and_of_unit_extent():
    blueprint = arm()
    points = blueprint.model.rest().points
    # the outline is 2.25 wide and 2.5 high: the capsules' round ends reach beyond the bones
    unit = points[1, 0] - points[0, 0]
    np.testing.assert_allclose(
        points - points[0], np.array([[0, 0], [2, 0], [2, -1], [2, -2]]) * unit / 2, atol=1e-12
    )
    outline = [layer.sprite.bgra.shape for layer in blueprint.model.rest().layers]
    assert len(outline) == 3 and unit / 2 == pytest.approx(1 / 2.5, rel=0.05)
    assert blueprint.skeleton == ((0, 1), (1, 2), (2, 3))
    assert [len(owners) for owners in blueprint.owners] == [1, 2, 2, 1]


def test_joints_turn_within_their_limits():
    model = arm(limit=20.0, stretch=0.0).model
    angles = []
    for seed in range(200):
        points = model.pose(np.random.default_rng(seed)).points
        upper, lower = points[2] - points[1], points[3] - points[2]
        assert np.hypot(*upper) == pytest.approx(np.hypot(*lower))
        first = np.arctan2(upper[0], -upper[1])
        angles.append((first, np.arctan2(lower[0], -lower[1]) - first))
    angles = np.rad2deg(angles)
    assert np.abs(angles).max() <= 20 + 1e-9
    assert (angles.max(axis=0) > 15).all() and (angles.min(axis=0) < -15).all()


def test_bones_stretch_along_themselves():
    model = arm(limit=0.0, stretch=0.1).model
    rest = model.rest().points
    for seed in range(20):
        points = model.pose(np.random.default_rng(seed)).points
        for i, j in ((0, 1), (1, 2), (2, 3)):
            ratio = np.hypot(*(points[j] - points[i])) / np.hypot(*(rest[j] - rest[i]))
            assert 0.9 - 1e-9 <= ratio <= 1.1 + 1e-9
        np.testing.assert_allclose(points[1:, 0], points[1, 0], atol=1e-9)


@pytest.mark.parametrize('reversible', [False, True])
def test_only_reversible_objects_face_left(reversible):
    model = arm(reversible=reversible).model
    facing = {
        np.sign(np.diff(model.pose(np.random.default_rng(seed)).points[:2, 0])[0])
        for seed in range(30)
    }
    assert facing == ({1.0, -1.0} if reversible else {1.0})


def test_equal_parts_share_their_sprite():
    b = JointedBuilder(np.random.default_rng(0), 20.0)
    body = b.bone(-1, 0, 0)
    for _ in range(2):
        b.part(body, panel(0, 1, 0.2), 'leg')
    b.part(body, panel(0, 1, 0.3), 'leg')
    b.keypoint('end', body, 1, (1,))
    first, second, third = (part.sprite for part in b.build().model.parts)
    assert first is second is not third


def test_limits_beyond_35_degrees_are_a_mistake():
    b = JointedBuilder(np.random.default_rng(0), 20.0)
    with pytest.raises(AssertionError):
        b.bone(-1, 0, 0, 36)
