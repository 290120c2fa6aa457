"""Frontal faces: features where they belong, and a gaze that moves them together."""

from __future__ import annotations

import numpy as np

from kpt_plugins.synthesis.faces import face
from tests.synthesis.families import assert_mirrored, at_rest, members


def test_features_are_symmetric_and_in_order():
    for blueprint in members(face):
        points = at_rest(blueprint)
        assert_mirrored(blueprint, points, axis=0)
        order = [points[n][1] for n in ('forehead', 'nose_tip', 'upper_lip', 'lower_lip', 'chin')]
        assert order == sorted(order)
        middle = points['nose_tip'][0]
        eye = [abs(points['left_eye_inner'][0] - middle), abs(points['left_pupil'][0] - middle)]
        eye.append(abs(points['left_eye_outer'][0] - middle))
        assert eye == sorted(eye)
        assert points['left_pupil'][0] > points['right_pupil'][0]  # it faces the viewer
        assert points['left_pupil'][1] < points['nose_tip'][1]


def test_a_gaze_moves_the_features_and_leaves_the_outline():
    for blueprint in members(face, 4):
        model, names = blueprint.model, blueprint.names
        count = len(model.bones)
        straight = model.rest().points
        aside = model._assemble(np.zeros(count), np.ones(count), 1 + 0j, 1).points - straight
        moved = dict(zip(names, aside, strict=True))
        assert abs(moved['chin']).max() == 0
        assert moved['left_pupil'][0] > 0.005
        np.testing.assert_allclose(moved['left_pupil'], moved['right_pupil'], atol=1e-12)
        assert moved['nose_tip'][0] > moved['left_pupil'][0]  # it stands out more
