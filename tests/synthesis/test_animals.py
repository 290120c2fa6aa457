"""Quadrupeds, insects and flyers: what is where when they are at rest."""

from __future__ import annotations

import itertools

from kpt_plugins.synthesis.animals import flyer, insect, quadruped
from tests.synthesis.families import assert_mirrored, at_rest, members


def test_quadrupeds_stand_on_four_feet_and_look_right():
    for blueprint in members(quadruped):
        points = at_rest(blueprint)
        feet = {
            (side, row): points[f'{side}_{row}_foot']
            for side in ('left', 'right')
            for row in ('front', 'hind')
        }
        for (_, row), foot in feet.items():
            assert foot[1] > points['withers'][1] and foot[1] > points['tail_root'][1]
            assert (foot[0] > (points['withers'][0] + points['tail_root'][0]) / 2) == (
                row == 'front'
            )
        assert points['nose'][0] > points['poll'][0] > points['tail_root'][0]
        assert blueprint.model.reversible


def test_quadrupeds_have_as_many_limbs_on_the_near_as_on_the_far_side():
    for blueprint in members(quadruped):
        sides = [part.side for part in blueprint.model.parts]
        assert sides.count(1) == sides.count(-1) >= 4


def test_insects_are_symmetric_and_walk_on_2_to_5_pairs_of_legs():
    counts = set()
    for blueprint in members(insect, 24):
        points = at_rest(blueprint)
        assert_mirrored(blueprint, points, axis=0)
        rows = [n for n in blueprint.names if n.startswith('left_leg') and n.endswith('_foot')]
        counts.add(len(rows))
        order = [points[f'left_leg{row + 1}_hip'][1] for row in range(len(rows))]
        assert order == sorted(order)  # the first pair is in front, which is up
        for side, sign in (('left', -1), ('right', 1)):
            assert sign * (points[f'{side}_leg1_hip'][0] - points['neck'][0]) > 0
        heading = [points[n][1] for n in ('head_front', 'neck', 'waist', 'abdomen_tip')]
        assert heading == sorted(heading)
    assert counts == {2, 3, 4, 5}


def test_flyers_are_symmetric_with_the_wing_tips_farthest_out():
    for blueprint in members(flyer):
        points = at_rest(blueprint)
        assert_mirrored(blueprint, points, axis=0)
        wing = ['shoulder', 'elbow', 'wrist', 'wing_tip']
        reach = [points[f'right_{n}'][0] for n in wing if f'right_{n}' in points]
        assert len(reach) >= 3
        assert all(inner < outer for inner, outer in itertools.pairwise(reach))
        assert points['beak_tip'][1] < points['nape'][1] < points['left_tail_tip'][1]
