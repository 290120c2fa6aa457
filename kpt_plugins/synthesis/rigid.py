"""Rigid objects made of boxes: vehicles, seats, cabinets.

x points right, y down, z towards the viewer. Left and right are the object's own: those of a
driver, or of somebody who sits on the seat.
"""

from __future__ import annotations

import numpy as np

from .model import Blueprint
from .solid import SolidBuilder


def vehicle(rng: np.random.Generator, resolution: float) -> Blueprint:
    """A body with a cabin and 2 to 4 axles, heading +x, seen from its front."""
    b = SolidBuilder(rng, resolution)
    length, width = rng.uniform(0.9, 1.3), rng.uniform(0.5, 0.7)
    low, high = rng.uniform(0.2, 0.32), rng.uniform(0.2, 0.4)
    half = width / 2
    body = b.box((0, -low, -half), (length, 0, half), 'body')

    rear, front = rng.uniform(0.0, 0.35) * length, rng.uniform(0.65, 0.95) * length
    slope_rear, slope_front = rng.uniform(0.0, 0.12, 2) * length
    inset = half * rng.uniform(0.82, 1.0)
    top, base = -low - high, -low
    profile = [(rear + slope_rear, top), (front - slope_front, top), (front, base), (rear, base)]
    roof, screen, _, back, right, left = b.prism(
        profile, -inset, inset, 'cabin', ['roof', 'cabin', 'cabin', 'cabin']
    )

    def on_slope(t: float, z: float) -> tuple[float, float, float]:
        """Point of the windscreen's face, t = 0 at the roof."""
        return (front - slope_front * (1 - t) + 1e-3, top + t * high, z)

    glass = b.face(
        [
            on_slope(0.15, -0.85 * inset),
            on_slope(0.15, 0.85 * inset),
            on_slope(0.85, 0.85 * inset),
            on_slope(0.85, -0.85 * inset),
        ],
        'glass',
        (high, -slope_front, 0),
        decal=True,
    )
    middle = 0.5 * (rear + front)
    crown = b.keypoint('roof_front', (front - slope_front, top, 0), (roof, screen))
    hood = b.keypoint('windscreen_base', (front, base, 0), (screen, body['top']), crown)
    grille = b.face(
        _disc((length + 1e-3, -0.42 * low), (0.28 * half, 0.22 * low), 'x'),
        'grille',
        (1, 0, 0),
        decal=True,
    )
    badge = b.keypoint('grille', (length, -0.42 * low, 0), (grille,), hood)

    axles = int(rng.integers(2, 5))
    radius = min(rng.uniform(0.1, 0.15), 0.36 * length / axles)
    positions = np.linspace(0.82, 0.18, axles) * length
    lamp = rng.uniform(0.05, 0.08)
    rubber = b.wardrobe['tyre'].tinted(0.4)
    for name, sign, flank, side in (('right', 1, 'front', right), ('left', -1, 'back', left)):
        z = sign * inset
        corner = b.keypoint(
            f'{name}_roof_front', (front - slope_front, top, z), (roof, screen, side), crown
        )
        rear_corner = b.keypoint(
            f'{name}_roof_rear', (rear + slope_rear, top, z), (roof, back, side), corner
        )
        post = b.keypoint(f'{name}_windscreen', on_slope(0.85, 0.85 * z), (glass, screen), corner)
        b.link(post, hood)
        window = b.face(
            [
                (middle - 0.24 * (front - rear), top + 0.2 * high, z * 1.002),
                (middle + 0.24 * (front - rear), top + 0.2 * high, z * 1.002),
                (middle + 0.28 * (front - rear), top + 0.8 * high, z * 1.002),
                (middle - 0.28 * (front - rear), top + 0.8 * high, z * 1.002),
            ],
            'glass',
            (0, 0, sign),
            decal=True,
        )
        b.keypoint(f'{name}_window', (middle, top + 0.5 * high, z), (window,), rear_corner)
        light = b.face(
            _disc((length + 1e-3, -0.7 * low, 0.72 * sign * half), (lamp, lamp), 'x'),
            'lamp',
            (1, 0, 0),
            decal=True,
        )
        light_point = b.keypoint(
            f'{name}_headlight', (length, -0.7 * low, 0.72 * sign * half), (light,), badge
        )
        bumper = b.keypoint(
            f'{name}_bumper', (length, 0, sign * half), (body['right'], body[flank]), light_point
        )
        link = bumper
        for i, x in enumerate(positions):
            hub = (x, 0.0, sign * (half + 2e-3))
            tyre = b.face(_disc(hub, (radius, radius), 'z'), rubber, (0, 0, sign), decal=True)
            rim = b.face(
                _disc((x, 0.0, sign * (half + 4e-3)), (0.5 * radius, 0.5 * radius), 'z'),
                f'rim_{i % 2}',
                (0, 0, sign),
                decal=True,
            )
            link = b.keypoint(f'{name}_wheel_{i + 1}', hub, (rim, tyre), link)
        b.link(
            link,
            b.keypoint(
                f'{name}_tail',
                (0, -low, sign * half),
                (body['left'], body[flank], body['top']),
                rear_corner,
            ),
        )
    return b.build(
        yaw=rng.uniform(-105, -75), pitch=rng.uniform(18, 30), yaw_range=50, pitch_range=9
    )


def _disc(centre, radii, axis: str, count: int = 20) -> np.ndarray:
    """Polygon of an ellipse across `axis` ('x' or 'z'); `centre` is (x, y) or (x, y, z)."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    centre = np.asarray((*centre, 0.0)[:3])
    a, c = radii[0] * np.cos(angle), radii[1] * np.sin(angle)
    zero = np.zeros(count)
    offsets = (zero, c, a) if axis == 'x' else (a, c, zero)
    return centre + np.stack(offsets, 1)


def seat(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Chairs, benches, sofas and beds: seat, back, legs, with or without arms."""
    b = SolidBuilder(rng, resolution)
    width, depth = rng.uniform(0.5, 1.1), rng.uniform(0.45, 0.9)
    thick, leg = rng.uniform(0.06, 0.2), rng.uniform(0.1, 0.5)
    back_height, back_thick = rng.uniform(0.35, 0.8), rng.uniform(0.06, 0.14)
    x, z = width / 2, depth / 2
    cushion = b.box((-x, -thick, -z), (x, 0, z), 'seat', 'cushion')
    back = b.box((-x, -thick - back_height, -z), (x, -thick, -z + back_thick), 'back')
    stripe_at = -thick - rng.uniform(0.6, 0.8) * back_height
    band = 0.09 * back_height
    face_z = -z + back_thick + 1e-3
    stripe = b.face(
        [
            (-x, stripe_at - band, face_z),
            (x, stripe_at - band, face_z),
            (x, stripe_at + band, face_z),
            (-x, stripe_at + band, face_z),
        ],
        'stripe',
        (0, 0, 1),
        decal=True,
    )
    arms = rng.uniform() < 0.55
    arm_height, arm_width = rng.uniform(0.15, 0.4) * back_height, rng.uniform(0.05, 0.12)
    foot = rng.uniform(0.03, 0.07)
    head = b.keypoint('back_top', (0, -thick - back_height, face_z), (back['top'], back['front']))
    crease = b.keypoint('seat_back', (0, -thick, face_z), (back['front'], cushion['top']), head)
    edge = b.keypoint('seat_front', (0, -thick, z), (cushion['top'], cushion['front']), crease)
    for name, sign, flank in (('left', 1, 'right'), ('right', -1, 'left')):
        top = b.keypoint(
            f'{name}_back_top',
            (sign * x, -thick - back_height, face_z),
            (back['top'], back['front'], back[flank]),
            head,
        )
        mark = b.keypoint(f'{name}_stripe', (0.93 * sign * x, stripe_at, face_z), (stripe,), top)
        front = b.keypoint(
            f'{name}_seat_front',
            (sign * x, -thick, z),
            (cushion['top'], cushion['front'], cushion[flank]),
            edge,
        )
        low = b.keypoint(
            f'{name}_seat_bottom', (sign * x, 0, z), (cushion['front'], cushion[flank]), front
        )
        if arms:
            outer, inner = sign * x, sign * (x - arm_width)
            arm = b.box(
                (min(outer, inner), -thick - arm_height, -z + back_thick),
                (max(outer, inner), -thick, z),
                'arm',
            )
            b.annotator.owners[front] = b.annotator.owners[front] | {arm['front'], arm[flank]}
            tip = b.keypoint(
                f'{name}_arm_front',
                (outer, -thick - arm_height, z),
                (arm['top'], arm['front'], arm[flank]),
                front,
            )
            b.keypoint(
                f'{name}_arm_rear',
                (0.5 * (outer + inner), -thick - arm_height, -z + back_thick),
                (arm['top'], back['front']),
                tip,
            )
        for row, at, link in (('front', z - foot, low), ('rear', -z + foot, mark)):
            centre = sign * (x - foot)
            post = b.box(
                (centre - foot, 0, at - foot), (centre + foot, leg, at + foot), f'leg_{row}'
            )
            b.keypoint(
                f'{name}_{row}_foot',
                (centre, 0.97 * leg, at + foot),
                (post['front'], post[flank]),
                link,
            )
    return b.build(
        yaw=rng.uniform(-30, 30), pitch=rng.uniform(18, 32), yaw_range=30, pitch_range=10
    )


def cabinet(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Tables, drawers and machines: a case with a grid of panels, on legs."""
    b = SolidBuilder(rng, resolution)
    width, height, depth = rng.uniform(0.5, 1.0), rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.6)
    x, z = width / 2, depth / 2
    case = b.box((-x, -height, -z), (x, 0, z), 'case', 'top')
    over = rng.uniform(0.0, 0.08)
    if over > 0.03:  # a protruding table top
        plate = b.box((-x - over, -height - 0.06, -z - over), (x + over, -height, z + over), 'top')
        corner_y, wide, deep = -height - 0.06, x + over, z + over
    else:
        plate, corner_y, wide, deep = case, -height, x, z
    middle = b.keypoint('top_front', (0, corner_y, deep), (plate['top'], plate['front']))
    bottom = b.keypoint('bottom_front', (0, 0, z), (case['front'],), middle)

    rows, cols = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    gap = 0.035
    cell_w, cell_h = (width - gap) / cols, (height - gap) / rows
    shapes = [rng.uniform(-0.3, 0.3, 2) for _ in range(2)]
    for r in range(rows):
        link = middle  # each row of knobs hangs on the first knob of the row above
        if r:
            link = b.annotator.names.index(f'knob_{r}_1')
        for c in range(cols):
            x0, y0 = -x + gap + c * cell_w, -height + gap + r * cell_h
            x1, y1 = x0 + cell_w - gap, y0 + cell_h - gap
            panel = b.face(
                [(x0, y0, z + 1e-3), (x1, y0, z + 1e-3), (x1, y1, z + 1e-3), (x0, y1, z + 1e-3)],
                f'panel_{(r + 2 * c) % 5}',
                (0, 0, 1),
                decal=True,
            )
            dx, dy = shapes[(r + c) % 2]
            knob_at = (0.5 * (x0 + x1) + dx * cell_w, 0.5 * (y0 + y1) + dy * cell_h, z + 3e-3)
            size = rng.uniform(0.03, 0.05)
            knob = b.face(_disc(knob_at, (size, size), 'z'), f'knob_{c % 2}', (0, 0, 1), decal=True)
            link = b.keypoint(f'knob_{r + 1}_{c + 1}', knob_at, (knob, panel), link)
    legs = rng.uniform() < 0.65
    leg, foot = rng.uniform(0.12, 0.5), rng.uniform(0.025, 0.05)
    antenna = rng.uniform() < 0.35
    mast = rng.uniform(0.2, 0.4)
    if antenna:
        pole = b.box((-0.02, corner_y - mast, -0.02), (0.02, corner_y, 0.02), 'pole')
        ball = b.box((-0.05, corner_y - mast - 0.09, -0.05), (0.05, corner_y - mast, 0.05), 'ball')
        base = b.keypoint('mast_base', (0, corner_y, 0.02), (pole['front'], plate['top']), middle)
        b.keypoint('mast_top', (0, corner_y - mast - 0.045, 0.05), (ball['front'],), base)
    for name, sign, flank in (('left', 1, 'right'), ('right', -1, 'left')):
        front = b.keypoint(
            f'{name}_top_front',
            (sign * wide, corner_y, deep),
            (plate['top'], plate['front'], plate[flank]),
            middle,
        )
        b.keypoint(
            f'{name}_top_rear',
            (sign * wide, corner_y, -deep),
            (plate['top'], plate['back'], plate[flank]),
            front,
        )
        low = b.keypoint(
            f'{name}_bottom_front', (sign * x, 0, z), (case['front'], case[flank]), bottom
        )
        b.link(front, low)
        if legs:
            for row, at in (('front', z - foot), ('rear', -z + foot)):
                centre = sign * (x - foot)
                post = b.box(
                    (centre - foot, 0, at - foot), (centre + foot, leg, at + foot), f'leg_{row}'
                )
                b.keypoint(
                    f'{name}_{row}_foot',
                    (centre, 0.97 * leg, at + foot),
                    (post['front'], post[flank]),
                    low,
                )
    return b.build(
        yaw=rng.uniform(-30, 30), pitch=rng.uniform(15, 30), yaw_range=32, pitch_range=10
    )
