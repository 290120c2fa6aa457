"""Seats and cabinets: left and right, legs, drawers."""

from __future__ import annotations

import numpy as np
import pytest

from kpt_plugins.synthesis.furniture import cabinet, seat
from tests.synthesis.families import assert_mirrored, in_space, members


@pytest.mark.parametrize('family', [seat, cabinet])
def test_left_and_right_are_those_of_who_faces_the_viewer(family):
    for blueprint in members(family):
        points = in_space(blueprint)
        assert all(
            points[blueprint.names[i]][0] > points[blueprint.names[j]][0]
            for i, j in blueprint.flip_pairs
        )
        if family is seat:
            assert_mirrored(blueprint, points, axis=0)


def test_seats_have_a_back_above_and_legs_below():
    standing = set()
    for blueprint in members(seat):
        points = in_space(blueprint)
        order = [points[n][1] for n in ('left_back_top', 'left_seat_front', 'left_seat_bottom')]
        assert order == sorted(order)
        assert points['seat_front'][2] > points['seat_back'][2]  # the back is behind
        ground = 'left_front_foot' if 'left_front_foot' in points else 'left_plate'
        standing.add(ground)
        assert points[ground][1] > points['left_seat_bottom'][1]
    assert standing == {'left_front_foot', 'left_plate'}


def test_knobs_of_cabinets_form_a_grid_on_the_front():
    for blueprint in members(cabinet):
        points = in_space(blueprint)
        knobs = {n: points[n] for n in blueprint.names if n.startswith('knob_')}
        rows = {int(n.split('_')[1]) for n in knobs}
        columns = {int(n.split('_')[2]) for n in knobs}
        assert len(knobs) == len(rows) * len(columns)
        places = np.array(list(knobs.values()))
        assert np.ptp(places[:, 2]) < 1e-9
        for r in rows:
            across = [knobs[f'knob_{r}_{c}'][0] for c in sorted(columns)]
            assert across == sorted(across)
        for c in columns:
            down = [knobs[f'knob_{r}_{c}'][1] for r in sorted(rows)]
            assert down == sorted(down)
