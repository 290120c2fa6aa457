"""Vehicles: a body with a cabin on 2 to 4 axles, with or without cargo, beacon and exhaust.

x points forwards, y down, z to the right. Left and right are those of the driver.
"""

from __future__ import annotations

import numpy as np

from .model import Blueprint
from .solid import SolidBuilder

_SIDES = (('right', 1, 'front'), ('left', -1, 'back'))  # name, sign of z, side of a box


def vehicle(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Cars, vans and lorries, seen from their front: now the left, now the right flank shows."""
    b = SolidBuilder(rng, resolution)
    length, width = rng.uniform(0.9, 1.3), rng.uniform(0.5, 0.7)
    low, high = rng.uniform(0.2, 0.32), rng.uniform(0.2, 0.4)
    half = width / 2
    body = b.box((0, -low, -half), (length, 0, half), 'body')
    kind = rng.integers(3)
    rear, front = (
        rng.uniform((0.05, 0.0, 0.48), (0.25, 0.05, 0.58))[kind] * length,
        rng.uniform((0.6, 0.88, 0.8), (0.8, 0.98, 0.95))[kind] * length,
    )
    slope_rear, slope_front = rng.uniform(0.0, 0.12, 2) * length
    inset = half * rng.uniform(0.82, 1.0)
    top, base = -low - high, -low
    nose, tail = front - slope_front, rear + slope_rear
    roof, screen, _, back, right, left = b.prism(
        [(tail, top), (nose, top), (front, base), (rear, base)],
        -inset,
        inset,
        'cabin',
        ['roof', 'cabin', 'cabin', 'cabin'],
    )
    flanks = {'right': right, 'left': left}

    def on_screen(t: float, z: float) -> tuple[float, float, float]:
        """Point of the windscreen, t = 0 at the roof."""
        return nose + slope_front * t + 1e-3, top + t * high, z * inset

    glass = [on_screen(t, z) for t, z in ((0.15, -0.85), (0.15, 0.85), (0.85, 0.85), (0.85, -0.85))]
    glass = b.face(glass, 'glass', (high, -slope_front, 0), decal=True)
    crown = b.keypoint('roof_front', (nose, top, 0), (roof, screen))
    hood = b.keypoint('windscreen_base', (front, base, 0), (screen, body['top']), crown)
    at = (length, -0.42 * low, 0)
    badge = b.keypoint(
        'grille', at, (b.disc(at, (0.28 * half, 0.22 * low), 'x', 1, 'grille'),), hood
    )

    cargo = None
    if kind == 2 and rng.uniform() < 0.7:
        height = rng.uniform(0.4, 1.2) * high
        cargo = b.box((0.02, base - height, -inset), (rear - 0.03, base, inset), 'cargo', 'tarp')
    if rng.uniform() < 0.4:
        at = 0.5 * (nose + tail)
        beacon = b.box((at - 0.05, top - 0.09, -0.05), (at + 0.05, top, 0.05), 'beacon')
        b.keypoint('beacon', (at + 0.05, top - 0.045, 0), (beacon['right'],), crown)
    if front < 0.93 * length and rng.uniform() < 0.6:  # on one side only
        x, z, tall = front + 0.04, 0.75 * half, rng.uniform(0.15, 0.3)
        pipe = b.box((x - 0.02, base - tall, z - 0.02), (x + 0.02, base, z + 0.02), 'pipe')
        on = (pipe['top'], pipe['right'], pipe['front'], pipe['back'])
        b.keypoint('exhaust', (x, base - tall, z), on, hood)

    door = rng.uniform() < 0.5
    axles = int(rng.integers(2, 5))
    radius = min(rng.uniform(0.1, 0.15), 0.36 * length / axles)
    lamp = rng.uniform(0.05, 0.08)
    rubber = b.wardrobe['tyre'].tinted(0.4)
    middle, span = 0.5 * (rear + front), front - rear
    for name, sign, side in _SIDES:
        z, edge, flank = sign * inset, sign * half, flanks[name]
        corner = b.keypoint(f'{name}_roof_front', (nose, top, z), (roof, screen, flank), crown)
        post = b.keypoint(f'{name}_windscreen', on_screen(0.85, 0.85 * sign), (glass,), corner)
        b.link(post, hood)
        rear_corner = b.keypoint(f'{name}_roof_rear', (tail, top, z), (roof, back, flank), corner)
        x0, x1 = middle - 0.26 * span, middle + 0.26 * span
        pane = b.rectangle((x0, top + 0.2 * high), (x1, top + 0.8 * high), z, sign, 'glass')
        at = (middle, top + 0.5 * high, z)
        window = b.keypoint(f'{name}_window', at, (pane,), rear_corner)
        if door:
            panel = b.rectangle((x0, -0.9 * low), (x1, -0.45 * low), edge, sign, 'door')
            b.keypoint(f'{name}_door', (middle, -0.67 * low, edge), (panel,), window)
        if cargo:
            on = (cargo['top'], cargo[side])
            at = (rear - 0.03, base - height, z)
            link = b.keypoint(f'{name}_cargo_front', at, (*on, cargo['right']), rear_corner)
            b.keypoint(f'{name}_cargo_rear', (0.02, base - height, z), on, link)
        at = (length, -0.7 * low, 0.72 * edge)
        light = b.disc(at, (lamp, lamp), 'x', 1, 'lamp')
        light = b.keypoint(f'{name}_headlight', at, (light,), badge)
        at = (length, 0, edge)
        link = b.keypoint(f'{name}_bumper', at, (body['right'], body[side]), light)
        for i, x in enumerate(np.linspace(0.82, 0.18, axles) * length):
            tyre = b.disc((x, 0.0, edge), (radius, radius), 'z', sign, rubber)
            rim = (x, 0.0, edge + 2e-3 * sign)
            rim = b.disc(rim, (0.5 * radius, 0.5 * radius), 'z', sign, f'rim_{i % 2}')
            link = b.keypoint(f'{name}_wheel_{i + 1}', (x, 0.0, edge), (rim, tyre), link)
        on = (body['left'], body[side], body['top'])
        b.link(link, b.keypoint(f'{name}_tail', (0, -low, edge), on, rear_corner))
    yaw, pitch = rng.uniform((-105, 18), (-75, 30))
    return b.build(yaw, pitch, yaw_range=50, pitch_range=9)
