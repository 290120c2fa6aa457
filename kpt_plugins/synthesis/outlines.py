"""Closed outlines with landmarks: leaves and fish.

The same mechanism as the jointed bodies, but most keypoints lie on one contour, which is deformed
by a smooth warp (`bend`) more than by joints.
"""

from __future__ import annotations

import numpy as np

from .jointed import JointedBuilder
from .model import Blueprint
from .shapes import capsule, ellipse, smooth_closed

_SIDES = (('left', -1), ('right', 1))


def leaf(rng: np.random.Generator, resolution: float) -> Blueprint:
    """A lobed blade on a stem; landmarks at the tips of the lobes, the notches and the veins."""
    b = JointedBuilder(rng, resolution)
    lobes = int(rng.integers(2, 6))
    length, width = 1.0, rng.uniform(0.28, 0.5)
    blade = b.bone(-1, 0, -90)
    position = (np.arange(lobes) + 0.55) / (lobes + 0.5) * length
    profile = np.sin(np.pi * np.clip(position * rng.uniform(0.75, 1.1) + 0.12, 0.1, 0.95))
    reach = width * profile * rng.uniform(0.8, 1.2, lobes)
    forward = rng.uniform(-0.02, 0.14)
    depth = rng.uniform(0.35, 0.7)
    tips = np.stack([position + forward, reach], 1)
    next_reach = np.append(reach[1:], 0.6 * reach[-1])
    notches = np.stack(
        [position + 0.5 * length / (lobes + 0.5), depth * np.minimum(reach, next_reach)], 1
    )
    side = np.stack([tips, notches], 1).reshape(-1, 2)
    apex = np.array([[length * 1.08, 0.0]])
    base = np.array([[-0.02, 0.0]])
    contour = np.concatenate([base, side, apex, side[::-1] * (1, -1)])
    rounded = smooth_closed(contour) if rng.uniform() < 0.5 else contour
    blade_part = b.part(blade, rounded, 'blade', relief=0.2)
    vein = b.part(blade, capsule(0.97 * length, 0.03, 0.012), 'vein', z=0.2, relief=0.2)
    for tip, (_, sign) in ((t, s) for t in tips for s in _SIDES):
        start = np.array([tip[0] - 0.8 * tip[1] * 0.6, 0.0])
        run = 0.82 * (tip * (1, sign) - start)
        across = np.array([-run[1], run[0]]) / np.hypot(*run) * 0.012
        line = np.array(
            [start - across, start + run - 0.4 * across, start + run + 0.4 * across, start + across]
        )
        b.part(blade, line, 'vein', z=0.1, relief=0.1)
    veins = range(vein, vein + 1 + 2 * lobes)
    on = (blade_part, *veins)

    stem = b.bone(blade, 0, 180, 35)
    stem_length = rng.uniform(0.18, 0.4)
    stem_part = b.part(stem, capsule(stem_length, 0.028, 0.04), 'stem', z=-0.1)
    base_point = b.keypoint('blade_base', blade, 0.02, (*on, stem_part))
    b.keypoint('stem_end', stem, stem_length, (stem_part,), base_point)
    if rng.uniform() < 0.5:  # a pair of buds on the stem
        reach, size = rng.uniform(0.08, 0.14), rng.uniform(0.045, 0.07)
        for name, sign in _SIDES:  # x runs down the stem, so the right side is at negative y
            bud = b.bone(stem, 0.55 * stem_length, -60 * sign, 20)
            part = b.part(bud, ellipse((reach, 0), (1.3 * size, size)), 'bud', z=-0.05)
            b.keypoint(f'{name}_bud', bud, reach, (part,), base_point)
    link = base_point
    chains = {name: base_point for name, _ in _SIDES}
    for i in range(lobes):
        if i % 2 == 0 and lobes > 2:
            root = complex(tips[i, 0] - 0.48 * tips[i, 1], 0)
            link = b.keypoint(f'vein_{i // 2 + 1}', blade, root, on, link)
        for name, sign in _SIDES:
            tip = 0.95 * tips[i] * (1, sign) + 0.05 * np.array([position[i], 0])
            notch = 0.95 * notches[i] * (1, sign)
            tip_point = b.keypoint(f'{name}_lobe_{i + 1}', blade, complex(*tip), on, chains[name])
            chains[name] = b.keypoint(
                f'{name}_notch_{i + 1}', blade, complex(*notch), on, tip_point
            )
    apex_point = b.keypoint('apex', blade, 1.04 * length, on, link)
    for name, _ in _SIDES:
        b.link(chains[name], apex_point)
    return b.build(bend=0.07)


def fish(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Side view, heading right or left; fins and a forked tail on a bending body."""
    b = JointedBuilder(rng, resolution)
    height = rng.uniform(0.15, 0.33)
    belly = height * rng.uniform(0.7, 1.2)
    body = b.bone(-1, 0, 0)
    contour = smooth_closed(
        [
            (0, -0.05),
            (0.3, -0.6 * height),
            (0.65, -height),
            (0.9, -0.65 * height),
            (1.03, 0.0),
            (0.88, 0.6 * belly),
            (0.6, belly),
            (0.25, 0.55 * belly),
            (0, 0.05),
        ]
    )
    trunk = b.part(body, contour, 'body')
    head = b.part(
        body,
        smooth_closed(
            [
                (0.8, -0.72 * height),
                (0.92, -0.5 * height),
                (1.0, 0.0),
                (0.9, 0.45 * belly),
                (0.78, 0.7 * belly),
                (0.83, 0),
            ]
        ),
        'head',
        z=0.1,
        relief=0.3,
    )
    eye = b.part(body, ellipse((0.91, -0.22 * height), (0.045, 0.045)), 'eye', z=0.3)
    snout = b.keypoint('snout', body, 0.99, (head, trunk))
    eye_point = b.keypoint('eye', body, complex(0.91, -0.22 * height), (eye,), snout)
    gill = b.keypoint('gill', body, complex(0.81, 0.0), (head, trunk), eye_point)
    nape = b.keypoint('nape', body, complex(0.8, -0.7 * height), (head, trunk), eye_point)
    throat = b.keypoint('throat', body, complex(0.79, 0.68 * belly), (head, trunk), gill)

    tail = b.bone(body, 0.02, 180, 25)
    root = b.keypoint('tail_root', tail, 0.0, (trunk,), None)
    fork, tail_length = rng.uniform(18, 45), rng.uniform(0.22, 0.4)
    for name, sign in (('upper', 1), ('lower', -1)):  # x runs backwards, so +y is up
        bone = b.bone(tail, -0.02, sign * fork, 8)
        shape = [
            (-0.02, -0.04),
            (0.3 * tail_length, -0.07),
            (tail_length, -0.02),
            (1.05 * tail_length, 0.03),
            (0.4 * tail_length, 0.08),
            (-0.02, 0.04),
        ]
        part = b.part(bone, shape, f'tail_{name}', z=-0.1 if sign > 0 else -0.15, relief=0.25)
        b.own(root, part)
        b.keypoint(f'tail_{name}_tip', bone, 0.93 * tail_length, (part,), root)

    link = nape
    for i in range(int(rng.integers(1, 4))):
        x = 0.72 - 0.24 * i
        start = complex(
            x, -height * np.interp(x, [0, 0.3, 0.65, 0.9], [0.2, 0.6, 1.0, 0.65]) * 0.92
        )
        size = rng.uniform(0.12, 0.26)
        link = _fin(b, body, start, -135, size, f'dorsal_{i + 1}', link, trunk, z=-0.2)
    b.link(link, root)
    link = throat
    for i, (name, x) in enumerate((('pelvic', 0.55), ('anal', 0.25))[: int(rng.integers(1, 3))]):
        start = complex(x, belly * (0.95 if i == 0 else 0.5))
        link = _fin(b, body, start, 130, rng.uniform(0.12, 0.24), name, link, trunk, z=-0.2)
    b.link(link, root)
    _fin(
        b,
        body,
        complex(0.7, 0.25 * belly),
        160,
        rng.uniform(0.14, 0.24),
        'pectoral',
        gill,
        trunk,
        z=0.4,
    )
    return b.build(reversible=True, bend=0.06)


def _fin(b: JointedBuilder, body, start, angle, size, name, link, trunk, z) -> int:
    bone = b.bone(body, start, angle, 22)
    sign = 1 if angle < 0 else -1  # the fin widens towards the tail
    shape = [(-0.05, 0.07), (0.5 * size, 0.05), (size, 0.0), (0.7 * size, -0.09), (-0.05, -0.1)]
    part = b.part(bone, np.array(shape) * (1, sign), f'fin_{name}', z=z, relief=0.25)
    base = b.keypoint(f'{name}_fin_base', bone, complex(0.0, 0.0), (part, trunk), link)
    b.keypoint(f'{name}_fin_tip', bone, 0.92 * size, (part,), base)
    return base
