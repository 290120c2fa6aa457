"""Bipeds from the front, and hands."""

from __future__ import annotations

import numpy as np

from kpt_plugins.synthesis.people import biped, hand
from tests.synthesis.families import assert_mirrored, at_rest, members


def test_bipeds_stand_upright_and_face_the_viewer():
    for blueprint in members(biped):
        points = at_rest(blueprint)
        assert_mirrored(blueprint, points, axis=0)
        order = [points[n][1] for n in ('crown', 'chin', 'neck', 'waist', 'pelvis', 'left_ankle')]
        assert order == sorted(order)
        for name, point in points.items():
            if name.endswith(('_eye', '_hip', '_knee', '_ankle', '_toe')):
                # who faces the viewer has the left side at the image's right
                assert (point[0] > points['pelvis'][0]) == name.startswith('left_'), name
        assert not blueprint.model.reversible


def test_hands_have_a_thumb_and_2_to_5_fingers_that_reach_away_from_the_wrist():
    counts = set()
    for blueprint in members(hand):
        points = at_rest(blueprint)
        digits = [n.removesuffix('_tip') for n in blueprint.names if n.endswith('_tip')]
        assert digits[0] == 'thumb'
        counts.add(len(digits) - 1)
        for digit in digits:
            chain = [n for n in blueprint.names if n.startswith(f'{digit}_')]
            assert chain[0] == f'{digit}_base' and chain[-1] == f'{digit}_tip'
            reach = [np.hypot(*(points[n] - points['wrist'])) for n in chain]
            assert reach == sorted(reach), chain
        across = [points[f'{digit}_tip'][0] for digit in digits]
        assert across == sorted(across)  # the fingers do not cross
        assert blueprint.model.reversible
    assert counts == {2, 3, 4, 5}
