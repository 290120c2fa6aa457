"""Closed outlines of garments; landmarks at collars, cuffs, hems and seams.

x runs down from the collar, y to the image's left, which is the wearer's right. Sleeves and trouser
legs are chains of panels on bones, so a cuff has an outer corner (sleeves: the upper one) and an
inner corner.
"""

from __future__ import annotations

import numpy as np

from .jointed import JointedBuilder
from .model import Blueprint
from .shapes import ellipse, mirrored, panel
from .textures import sided

_SIDES = (('right', 1), ('left', -1))


def garment(rng: np.random.Generator, resolution: float) -> Blueprint:
    """A top, a dress, or trousers."""
    return _trousers(rng, resolution) if rng.uniform() < 0.4 else _top(rng, resolution)


def _top(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Shirts and dresses with sleeves of 1 or 2 segments."""
    b = JointedBuilder(rng, resolution)
    shoulder, waist = rng.uniform(0.24, 0.32), rng.uniform(0.17, 0.27)
    length = rng.uniform(0.55, 1.1)
    hem = waist * rng.uniform(1.0, 2.1 if length > 0.8 else 1.3)
    neck, drop = rng.uniform(0.09, 0.14), rng.uniform(0.05, 0.2)
    armpit, middle = rng.uniform(0.16, 0.22), 0.45 * length
    band = rng.uniform(0.06, 0.12)
    body = b.bone(-1, 0, 90)
    side = [(0, neck), (0.05, shoulder), (armpit, 1.08 * waist), (middle, waist), (length, hem)]
    cloth = b.part(body, mirrored([(drop, 0), *side, (1.02 * length, 0)]), 'cloth', relief=0.25)
    edge = [
        (1.02 * length - band, 0),
        (length - band, 0.97 * hem),
        (length, hem),
        (1.02 * length, 0),
    ]
    edge = b.part(body, mirrored(edge), 'hem', z=0.1, relief=0.1)
    collar = [(drop, 0), (0, neck), (0.03, neck + 0.045), (drop + 0.06, 0)]
    collar = b.part(body, mirrored(collar), 'collar', z=0.1, relief=0.1)
    waistline = {cloth}
    if rng.uniform() < 0.5:
        belt = panel(middle - 0.03, middle + 0.03, 1.01 * waist)
        waistline.add(b.part(body, belt, 'belt', z=0.15, relief=0.1))

    front = b.keypoint('collar_front', body, drop + 0.03, (collar,))
    bottom = b.keypoint('hem_centre', body, length - 0.01, (edge,))
    if rng.uniform() < 0.5:
        at = complex(0.4 * length - 0.1, 0.45 * waist)
        pocket = b.part(body, ellipse((at.real, at.imag), (0.055, 0.055), 6), 'pocket', z=0.2)
        b.keypoint('pocket', body, at, (pocket,), front)

    segments = int(rng.integers(1, 3))
    reach = rng.uniform(0.22, 0.4) if segments == 1 else rng.uniform(0.5, 0.75)
    rest, cuff = rng.uniform(20, 50), rng.uniform(0.06, 0.11)
    root = 0.5 * (armpit - 0.02)
    for name, sign in _SIDES:
        at = complex(0.02, sign * (neck + 0.01))
        tip = b.keypoint(f'{name}_collar', body, at, (collar, cloth), front)
        at = complex(0.06, 0.93 * sign * shoulder)
        top = b.keypoint(f'{name}_shoulder', body, at, (cloth,), tip)
        inner, sleeve = _tube(
            b, name, sign, body, complex(0.04 + root, sign * (shoulder - 0.06)), sign * rest,
            np.linspace(root + 0.02, cuff, segments + 1), reach / segments, ['sleeve'] * 2,
            'elbow', 'hem', 32, cloth, (top, None),
        )  # fmt: skip
        b.own(top, sleeve)
        at = complex(armpit, 1.02 * sign * waist)
        pit = b.keypoint(f'{name}_armpit', body, at, (cloth, sleeve), inner)
        at = complex(middle, 0.95 * sign * waist)
        seam = b.keypoint(f'{name}_waist', body, at, waistline, pit)
        at = complex(length - 0.02, 0.95 * sign * hem)
        b.link(b.keypoint(f'{name}_hem', body, at, (edge, cloth), seam), bottom)
    return b.build(bend=0.05)


def _trousers(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Shorts, or trousers with knees."""
    b = JointedBuilder(rng, resolution)
    waist, hip = rng.uniform(0.2, 0.26), rng.uniform(0.25, 0.32)
    crotch, inseam = rng.uniform(0.28, 0.38), rng.uniform(0.25, 0.75)
    segments = 2 if inseam > 0.5 else 1
    cuff = rng.uniform(0.08, 0.17)
    body = b.bone(-1, 0, 90)
    seat = [(0, waist), (crotch, hip), (crotch + 0.05, 0)]
    seat = b.part(body, mirrored(seat), 'cloth', relief=0.25)
    band = b.part(body, panel(-0.02, 0.05, 1.02 * waist, 1.04 * waist), 'band', z=0.2)
    front = b.keypoint('waistband_front', body, 0.02, (band,))
    fork = b.keypoint('crotch', body, crotch, (seat,), front)
    for name, sign in _SIDES:
        at = complex(0.02, 0.95 * sign * waist)
        corner = b.keypoint(f'{name}_waistband', body, at, (band,), front)
        at = complex(0.14, 0.6 * sign * waist)
        pocket = b.part(body, ellipse((at.real, at.imag), (0.06, 0.05), 5), 'pocket', z=0.2)
        mark = b.keypoint(f'{name}_pocket', body, at, (pocket,), corner)
        at = complex(crotch - 0.02, 0.93 * sign * hip)
        side = b.keypoint(f'{name}_hip', body, at, (seat,), mark)
        _, leg = _tube(
            b, name, sign, body, complex(crotch, 0.5 * sign * hip), 5 * sign,
            np.linspace(0.5 * hip, cuff, segments + 1), inseam / segments, ['leg', 'shin'],
            'knee', 'band', 24, seat, (side, fork),
        )  # fmt: skip
        b.own(side, leg)
        b.own(fork, leg)
    return b.build(bend=0.04)


def _tube(
    b: JointedBuilder,
    name: str,
    sign: int,
    parent: int,
    position: complex,
    angle: float,
    widths: np.ndarray,
    step: float,
    textures: list[str],
    joint: str,
    band: str,
    limit: float,
    trunk: int,
    links: tuple[int, int | None],
) -> tuple[int, int]:
    """A sleeve or trouser leg: n panels with half `widths` (n + 1) and a band at the end.

    Args:
        links: Keypoints that the outer and the inner seam start from; without the latter, inner
            keypoints are linked to the outer ones.

    Returns:
        (keypoint of the cuff's inner corner, part of the first panel).
    """
    outer_link, inner_link = links
    bone, previous, parts = parent, trunk, []
    for i, (wide, narrow) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        bone = b.bone(bone, position, angle if i == 0 else 0, limit)
        texture = sided(b.wardrobe[textures[i]], sign)
        parts.append(
            b.part(bone, panel(-0.06, step, wide, narrow), texture, z=-0.1 - 0.05 * i, relief=0.25)
        )
        if i > 0:
            on, across = (parts[-1], previous), 0.87j * sign * wide
            outer_link = b.keypoint(f'{name}_{joint}_outer', bone, across, on, outer_link)
            if inner_link is not None:
                inner_link = b.keypoint(f'{name}_{joint}_inner', bone, -across, on, inner_link)
        previous, position = parts[-1], complex(step, 0)
    narrow = 1.02 * widths[-1]
    on = (b.part(bone, panel(step - 0.055, step, narrow), band, z=-0.02), previous)
    across = 0.87j * sign * narrow
    outer = b.keypoint(f'{name}_cuff_outer', bone, step - 0.015 + across, on, outer_link)
    start = outer if inner_link is None else inner_link
    inner = b.keypoint(f'{name}_cuff_inner', bone, step - 0.015 - across, on, start)
    return inner, parts[0]
