"""Leaves and fish: landmarks in their order along the outline."""

from __future__ import annotations

import numpy as np

from kpt_plugins.synthesis.outlines import fish, leaf
from tests.synthesis.families import assert_mirrored, at_rest, members


def test_leaves_are_symmetric_with_lobes_from_base_to_apex():
    for blueprint in members(leaf):
        points = at_rest(blueprint)
        assert_mirrored(blueprint, points, axis=0)
        lobes = [n for n in blueprint.names if n.startswith('left_lobe_')]
        assert 2 <= len(lobes) <= 5
        heights = [points[f'left_lobe_{i + 1}'][1] for i in range(len(lobes))]
        assert heights == sorted(heights, reverse=True)  # up is where the apex is
        assert points['stem_end'][1] > points['blade_base'][1] > points['apex'][1]


def test_notches_lie_nearer_to_the_vein_than_the_lobes_beside_them():
    for blueprint in members(leaf):
        points = at_rest(blueprint)
        for name in blueprint.names:
            if '_notch_' in name:
                notch, lobe = points[name], points[name.replace('notch', 'lobe')]
                assert abs(notch[0]) < abs(lobe[0])


def test_fish_head_right_with_fins_on_their_sides():
    fins = set()
    for blueprint in members(fish):
        points = at_rest(blueprint)
        assert points['snout'][0] > points['gill'][0] > points['tail_root'][0]
        assert points['tail_root'][0] > points['tail_upper_tip'][0]
        assert points['tail_upper_tip'][1] < points['tail_lower_tip'][1]
        assert points['nape'][1] < points['gill'][1] < points['throat'][1]
        for name in blueprint.names:
            if name.endswith('_fin_tip'):
                base, tip = points[name.replace('tip', 'base')], points[name]
                fin = name.split('_')[0]
                fins.add(fin)
                assert tip[0] < base[0] and np.hypot(*(tip - base)) > 0.03
                if fin in ('dorsal', 'pelvic', 'anal'):
                    assert (tip[1] < base[1]) == (fin == 'dorsal')
        assert blueprint.model.reversible and blueprint.flip_pairs == ()
    assert fins == {'dorsal', 'pelvic', 'anal', 'pectoral'}
