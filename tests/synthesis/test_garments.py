"""Tops and trousers: landmarks from collar to hem."""

from __future__ import annotations

import numpy as np

from kpt_plugins.synthesis.garments import garment
from tests.synthesis.families import assert_mirrored, at_rest, members


def tops_and_trousers():
    found = members(garment, 16)
    trousers = [blueprint for blueprint in found if 'crotch' in blueprint.names]
    return [b for b in found if 'crotch' not in b.names], trousers


def test_both_kinds_occur_and_are_symmetric():
    tops, trousers = tops_and_trousers()
    assert len(tops) >= 3 and len(trousers) >= 3
    for blueprint in (*tops, *trousers):
        points = at_rest(blueprint)
        assert_mirrored(blueprint, points, axis=0)
        # the wearer faces the viewer: right is at the image's left
        for left, right in blueprint.flip_pairs:
            names = blueprint.names[left], blueprint.names[right]
            assert points[names[0]][0] > points[names[1]][0], names


def test_tops_run_from_collar_to_hem():
    for blueprint in tops_and_trousers()[0]:
        points = at_rest(blueprint)
        chain = ('left_collar', 'left_shoulder', 'left_armpit', 'left_waist', 'left_hem')
        order = [points[name][1] for name in chain]
        assert order == sorted(order)
        middle = points['collar_front'][0]
        assert points['left_cuff_outer'][0] - middle > points['left_shoulder'][0] - middle


def test_trousers_have_an_inner_and_an_outer_seam():
    for blueprint in tops_and_trousers()[1]:
        points = at_rest(blueprint)
        order = [points[n][1] for n in ('waistband_front', 'crotch', 'left_cuff_inner')]
        assert order == sorted(order)
        for seam in ('cuff', 'knee'):
            if f'left_{seam}_outer' in points:
                outer, inner = points[f'left_{seam}_outer'], points[f'left_{seam}_inner']
                assert outer[0] > inner[0] > points['crotch'][0]
                assert np.hypot(*(outer - inner)) > 0.05
