"""Furniture: seats of all sorts, tables and cabinets.

x points right, y down, z towards the viewer. Left and right are those of somebody who sits on the
seat or leans on the cabinet, facing the viewer.
"""

from __future__ import annotations

import numpy as np

from .model import Blueprint
from .solid import SolidBuilder

_SIDES = (('left', 1, 'right'), ('right', -1, 'left'))  # name, sign of x, side of a box


def seat(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Chairs, benches and sofas: seat and back, on legs or a pedestal, with or without arms."""
    b = SolidBuilder(rng, resolution)
    width, depth = rng.uniform(0.5, 1.1), rng.uniform(0.45, 0.9)
    thick, leg = rng.uniform(0.06, 0.2), rng.uniform(0.1, 0.5)
    high, back_thick = rng.uniform(0.35, 0.8), rng.uniform(0.06, 0.14)
    x, z, top = width / 2, depth / 2, -thick
    cushion = b.box((-x, top, -z), (x, 0, z), 'seat', 'cushion')
    back = b.box((-x, top - high, -z), (x, top, -z + back_thick), 'back')
    face = -z + back_thick
    crown = top - high
    head = b.keypoint('back_top', (0, crown, face), (back['top'], back['front']))
    pillow = rng.uniform(0.14, 0.2) if rng.uniform() < 0.4 else 0.0
    ledge = face + 0.1 if pillow else face  # the seat ends where the pillow begins
    on = (back['front'], cushion['top'])
    if pillow:
        parts = b.box((-pillow, top - 1.4 * pillow, face), (pillow, top, ledge), 'pillow')
        on = (parts['front'], cushion['top'])
    crease = b.keypoint('seat_back', (0, top, ledge), on, head)
    if pillow:
        b.keypoint('pillow', (0, top - 0.7 * pillow, ledge), (parts['front'],), crease)
    edge = b.keypoint('seat_front', (0, top, z), (cushion['top'], cushion['front']), crease)
    if rng.uniform() < 0.35:
        rise, wide = rng.uniform(0.1, 0.2), rng.uniform(0.3, 0.6) * x
        rest = b.box((-wide, crown - rise, -z), (wide, crown, face), 'headrest')
        b.keypoint('headrest', (0, crown - rise, face), (rest['top'], rest['front']), head)
    stripes = np.sort(rng.uniform(0.5, 0.9, int(rng.integers(0, 3))))
    if len(stripes) == 2 and np.ptp(stripes) < 0.2:
        stripes = stripes[:1]
    for i, share in enumerate(stripes):
        at = top - share * high
        band = b.rectangle((-x, at - 0.07 * high), (x, at + 0.07 * high), face, 1, f'stripe_{i}')
        for name, sign, _ in _SIDES:
            b.keypoint(f'{name}_stripe_{i + 1}', (0.9 * sign * x, at, face), (band,), head)

    arms, pedestal = rng.uniform() < 0.55, rng.uniform() < 0.3
    arm_high, arm_wide = rng.uniform(0.15, 0.4) * high, rng.uniform(0.05, 0.12)
    foot = rng.uniform(0.03, 0.07)
    if pedestal:
        column = b.box((-0.05, 0, -0.05), (0.05, leg, 0.05), 'column')
        plate = b.box((-0.7 * x, leg, -0.7 * z), (0.7 * x, leg + 0.05, 0.7 * z), 'plate')
        on = (column['front'], plate['top'])
        stem = b.keypoint('column', (0, 0.97 * leg, 0.05), on, edge)
    for name, sign, flank in _SIDES:
        at = (sign * x, crown, face)
        rear = b.keypoint(f'{name}_back_top', at, (back['top'], back['front'], back[flank]), head)
        on = (cushion['top'], cushion['front'], cushion[flank])
        front = b.keypoint(f'{name}_seat_front', (sign * x, top, z), on, edge)
        low = b.keypoint(f'{name}_seat_bottom', (sign * x, 0, z), on[1:], front)
        if arms:
            outer, inner = sorted((sign * x, sign * (x - arm_wide)), key=abs, reverse=True)
            arm = b.box(
                (min(outer, inner), top - arm_high, face), (max(outer, inner), top, z), 'arm'
            )
            b.annotator.owners[front] |= {arm['front'], arm[flank]}
            on = (arm['top'], arm['front'], arm[flank])
            tip = b.keypoint(f'{name}_arm_front', (outer, top - arm_high, z), on, front)
            at = (0.5 * (outer + inner), top - arm_high, face)
            b.keypoint(f'{name}_arm_rear', at, (arm['top'], back['front']), tip)
        if pedestal:
            on = (plate['top'], plate['front'], plate[flank])
            b.keypoint(f'{name}_plate', (0.7 * sign * x, leg, 0.7 * z), on, stem)
            continue
        for row, at, link in (('front', z - foot, low), ('rear', -z + foot, rear)):
            _post(b, f'{name}_{row}_foot', row, flank, sign * (x - foot), at, foot, leg, link)
    return b.build(rng.uniform(-30, 30), rng.uniform(18, 32), yaw_range=30, pitch_range=10)


def cabinet(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Tables, drawers and machines: a case with a grid of panels, with or without legs."""
    b = SolidBuilder(rng, resolution)
    width, height, depth = rng.uniform(0.5, 1.0), rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.6)
    x, z = width / 2, depth / 2
    case = b.box((-x, -height, -z), (x, 0, z), 'case', 'top')
    plate, crown, wide, deep = case, -height, x, z
    over = rng.uniform(0.0, 0.08)
    if over > 0.03:  # a protruding table top
        crown, wide, deep = -height - 0.06, x + over, z + over
        plate = b.box((-wide, crown, -deep), (wide, -height, deep), 'top')
    middle = b.keypoint('top_front', (0, crown, deep), (plate['top'], plate['front']))
    bottom = b.keypoint('bottom_front', (0, 0, z), (case['front'],), middle)
    _panels(b, x, height, z, middle)

    if rng.uniform() < 0.35:
        mast = rng.uniform(0.2, 0.4)
        pole = b.box((-0.02, crown - mast, -0.02), (0.02, crown, 0.02), 'pole')
        ball = b.box((-0.05, crown - mast - 0.09, -0.05), (0.05, crown - mast, 0.05), 'ball')
        base = b.keypoint('mast_base', (0, crown, 0.02), (pole['front'], plate['top']), middle)
        b.keypoint('mast_top', (0, crown - mast - 0.045, 0.05), (ball['front'],), base)
    legs = rng.uniform() < 0.65
    leg, foot = rng.uniform(0.12, 0.5), rng.uniform(0.025, 0.05)
    for name, sign, flank in _SIDES:
        on = (plate['top'], plate['front'], plate[flank])
        front = b.keypoint(f'{name}_top_front', (sign * wide, crown, deep), on, middle)
        on = (plate['top'], plate['back'], plate[flank])
        b.keypoint(f'{name}_top_rear', (sign * wide, crown, -deep), on, front)
        on = (case['front'], case[flank])
        low = b.keypoint(f'{name}_bottom_front', (sign * x, 0, z), on, bottom)
        b.link(front, low)
        for row, at in (('front', z - foot), ('rear', -z + foot)) if legs else ():
            _post(b, f'{name}_{row}_foot', row, flank, sign * (x - foot), at, foot, leg, low)
    return b.build(rng.uniform(-30, 30), rng.uniform(15, 30), yaw_range=32, pitch_range=10)


def _panels(b: SolidBuilder, x: float, height: float, z: float, link: int) -> None:
    """Up to 3 x 3 drawers with a knob each; a row hangs on the first knob of the row above."""
    rng = b.rng
    rows, cols = rng.integers(1, 4, 2).tolist()
    gap, size = 0.035, rng.uniform(0.035, 0.05)
    cell = np.array([(2 * x - gap) / cols, (height - gap) / rows])
    shifts = rng.uniform(-0.3, 0.3, (2, 2))
    for r in range(rows):
        left = link
        for c in range(cols):
            low = np.array([-x + gap, -height + gap]) + (c, r) * cell
            high = low + cell - gap
            panel = b.rectangle(low, high, z, 1, f'panel_{(r + 2 * c) % 5}')
            knob_at = (*(0.5 * (low + high) + shifts[(r + c) % 2] * cell), z + 2e-3)
            knob = b.disc(knob_at, (size, size), 'z', 1, f'knob_{c % 2}')
            left = b.keypoint(f'knob_{r + 1}_{c + 1}', knob_at, (knob, panel), left)
            if c == 0:
                link = left


def _post(b: SolidBuilder, name, row, flank, x, z, half, length, link) -> None:
    """A leg below y = 0 with a keypoint at its lower front corner."""
    post = b.box((x - half, 0, z - half), (x + half, length, z + half), f'leg_{row}')
    b.keypoint(name, (x, 0.97 * length, z + half), (post['front'], post[flank]), link)
