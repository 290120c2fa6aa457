"""Vehicles: both flanks alike, wheels in order."""

from __future__ import annotations

import numpy as np

from kpt_plugins.synthesis.vehicles import vehicle
from tests.synthesis.families import assert_mirrored, in_space, members


def test_flanks_are_mirror_images():
    for blueprint in members(vehicle):
        names = [n for n in blueprint.names if n != 'exhaust']  # on one side only
        points = {n: p for n, p in in_space(blueprint).items() if n in names}
        assert_mirrored(blueprint, points, axis=2)
        # x points forwards and y down, so the driver's right is towards the viewer
        assert points['right_window'][2] > points['left_window'][2]


def test_wheels_run_from_front_to_rear_at_one_height_below_the_roof():
    axles = set()
    for blueprint in members(vehicle):
        points = in_space(blueprint)
        count = sum(n.startswith('left_wheel_') for n in blueprint.names)
        axles.add(count)
        wheels = [points[f'left_wheel_{i + 1}'] for i in range(count)]
        assert [w[0] for w in wheels] == sorted((w[0] for w in wheels), reverse=True)
        assert len({round(float(w[1]), 9) for w in wheels}) == 1
        assert wheels[0][1] > points['left_window'][1] > points['left_roof_front'][1]
        assert points['left_headlight'][0] > points['left_tail'][0]
    assert axles == {2, 3, 4}


def test_cameras_look_at_the_front():
    """Now the left, now the right flank shows, the front always."""
    shown = set()
    for blueprint in members(vehicle, 6):
        grille = blueprint.names.index('grille')
        for seed in range(6):
            posed = blueprint.model.pose(np.random.default_rng(seed))
            parts = {layer.part for layer in posed.layers}
            assert parts & blueprint.owners[grille]
            for side in ('left', 'right'):
                window = blueprint.names.index(f'{side}_window')
                if parts & blueprint.owners[window]:
                    shown.add(side)
    assert shown == {'left', 'right'}
