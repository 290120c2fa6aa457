"""Closed outlines with landmarks: leaves, garments, faces, fish.

The same mechanism as the jointed bodies, but most keypoints lie on one contour, which is deformed by
a smooth warp (`bend`) more than by joints.
"""

from __future__ import annotations

import numpy as np

from .bodies import _tint
from .jointed import JointedBuilder
from .model import Blueprint
from .sprites import capsule, ellipse, smooth_closed

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
        line = np.array([start - across, start + run - 0.4 * across, start + run + 0.4 * across,
                         start + across])  # fmt: skip
        b.part(blade, line, 'vein', z=0.1, relief=0.1)
    veins = range(vein, vein + 1 + 2 * lobes)
    on = (blade_part, *veins)

    stem = b.bone(blade, 0, 180, 35)
    stem_length = rng.uniform(0.18, 0.4)
    stem_part = b.part(stem, capsule(stem_length, 0.028, 0.04), 'stem', z=-0.1)
    base_point = b.keypoint('blade_base', blade, 0.02, (*on, stem_part))
    b.keypoint('stem_end', stem, stem_length, (stem_part,), base_point)
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
            chains[name] = b.keypoint(f'{name}_notch_{i + 1}', blade, complex(*notch), on, tip_point)
    apex_point = b.keypoint('apex', blade, 1.04 * length, on, link)
    for name, _ in _SIDES:
        b.link(chains[name], apex_point)
    return b.build(bend=0.07)


def garment(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Tops and dresses with sleeves of 1 or 2 segments, or trousers; landmarks at the corners."""
    return _trousers(rng, resolution) if rng.uniform() < 0.3 else _top(rng, resolution)


def _top(rng: np.random.Generator, resolution: float) -> Blueprint:
    b = JointedBuilder(rng, resolution)
    shoulder, waist = rng.uniform(0.24, 0.32), rng.uniform(0.17, 0.27)
    length = rng.uniform(0.55, 1.1)
    hem = waist * rng.uniform(1.0, 1.3 + (length > 0.8) * 0.8)
    neck, drop = rng.uniform(0.09, 0.14), rng.uniform(0.05, 0.2)
    armpit = rng.uniform(0.16, 0.22)
    body = b.bone(-1, 0, 90, 0)  # x runs down from the collar, +y is the image's left
    right = [(0.0, neck), (0.05, shoulder), (armpit, waist * 1.08), (0.45 * length, waist), (length, hem)]
    right = np.array(right)
    shape = np.concatenate([[(drop, 0.0)], right, [(length * 1.02, 0.0)], right[::-1] * (1, -1)])
    cloth = b.part(body, shape, 'cloth', relief=0.25)
    band = rng.uniform(0.06, 0.12)
    edge = b.part(body, [(length - band, 0.97 * hem), (length, hem), (length * 1.02, 0),
                         (length, -hem), (length - band, -0.97 * hem), (length * 1.02 - band, 0)],
                  'hem', z=0.1, relief=0.1)  # fmt: skip
    collar = b.part(body, [(0, neck), (0.03, neck + 0.045), (drop + 0.06, 0), (0.03, -neck - 0.045),
                           (0, -neck), (drop, 0)], 'collar', z=0.1, relief=0.1)  # fmt: skip
    belt = rng.uniform() < 0.5
    if belt:
        y = 0.45 * length
        belt_part = b.part(body, [(y - 0.03, 1.01 * waist), (y + 0.03, 1.01 * waist),
                                  (y + 0.03, -1.01 * waist), (y - 0.03, -1.01 * waist)],
                           'belt', z=0.15, relief=0.1)  # fmt: skip
    collar_point = b.keypoint('collar_front', body, drop + 0.03, (collar,))
    bottom = b.keypoint('hem_centre', body, length - 0.01, (edge,), None)
    if rng.uniform() < 0.5:
        centre = complex(0.4 * length - 0.1, 0.45 * waist)
        pocket = b.part(body, ellipse((centre.real, centre.imag), (0.055, 0.055), 6), 'pocket', z=0.2)
        b.keypoint('pocket', body, centre, (pocket,), collar_point)

    segments = int(rng.integers(1, 3))
    sleeve = rng.uniform(0.22, 0.4) if segments == 1 else rng.uniform(0.5, 0.75)
    rest, cuff = rng.uniform(20, 50), rng.uniform(0.06, 0.11)
    root = 0.5 * (armpit - 0.02)
    for name, sign in (('right', 1), ('left', -1)):
        tip = b.keypoint(f'{name}_collar', body, complex(0.02, sign * (neck + 0.01)), (collar, cloth),
                         collar_point)  # fmt: skip
        shoulder_point = b.keypoint(f'{name}_shoulder', body, complex(0.06, sign * 0.93 * shoulder),
                                    (cloth,), tip)  # fmt: skip
        bone, position, link = body, complex(0.04 + root, sign * (shoulder - 0.06)), shoulder_point
        previous, step = cloth, sleeve / segments
        upper_side = -sign  # across the sleeve, towards the shoulder
        for i in range(segments):
            bone = b.bone(bone, position, sign * rest if i == 0 else 0, 32 if i == 0 else 30)
            wide, narrow = (root + 0.02 if i == 0 else 0.5 * (root + cuff)), cuff
            if segments == 2 and i == 0:
                narrow = 0.5 * (root + cuff)
            shape = [(-0.06, -wide), (-0.06, wide), (step, narrow), (step, -narrow)]
            part = b.part(bone, shape, _tint(b.wardrobe['sleeve'], sign), z=-0.1 - 0.05 * i, relief=0.25)
            if i == 0:
                b.own(shoulder_point, part)
            else:
                link = b.keypoint(f'{name}_elbow', bone, complex(0, upper_side * 0.85 * wide),
                                  (part, previous), link)  # fmt: skip
            previous, position = part, complex(step, 0)
        band_part = b.part(bone, [(step - 0.05, -narrow * 1.02), (step - 0.05, narrow * 1.02),
                                  (step, narrow * 1.02), (step, -narrow * 1.02)], 'hem', z=-0.02)  # fmt: skip
        outer = b.keypoint(f'{name}_cuff_outer', bone, complex(step - 0.015, upper_side * 0.88 * narrow),
                           (band_part, part), link)  # fmt: skip
        inner = b.keypoint(f'{name}_cuff_inner', bone, complex(step - 0.015, -upper_side * 0.88 * narrow),
                           (band_part, part), outer)  # fmt: skip
        pit = b.keypoint(f'{name}_armpit', body, complex(armpit, sign * 1.02 * waist), (cloth, part),
                         inner)  # fmt: skip
        side = b.keypoint(f'{name}_waist', body, complex(0.45 * length, sign * 0.95 * waist), (cloth,),
                          pit)  # fmt: skip
        if belt:
            b.own(side, belt_part)
        corner = b.keypoint(f'{name}_hem', body, complex(length - 0.02, sign * 0.95 * hem), (edge, cloth),
                            side)  # fmt: skip
        b.link(corner, bottom)
    return b.build(bend=0.05)


def _trousers(rng: np.random.Generator, resolution: float) -> Blueprint:
    b = JointedBuilder(rng, resolution)
    waist, hip = rng.uniform(0.2, 0.26), rng.uniform(0.25, 0.32)
    crotch, inseam = rng.uniform(0.28, 0.38), rng.uniform(0.25, 0.75)
    knees = inseam > 0.5
    cuff = rng.uniform(0.08, 0.17)
    body = b.bone(-1, 0, 90)
    seat = b.part(body, [(0, waist), (crotch, hip), (crotch + 0.05, 0), (crotch, -hip), (0, -waist)],
                  'cloth', relief=0.25)  # fmt: skip
    band = b.part(body, [(-0.02, 1.02 * waist), (0.05, 1.04 * waist), (0.05, -1.04 * waist),
                         (-0.02, -1.02 * waist)], 'band', z=0.2)  # fmt: skip
    front = b.keypoint('waistband_front', body, 0.02, (band,))
    fork = b.keypoint('crotch', body, crotch, (seat,), front)
    for name, sign in (('right', 1), ('left', -1)):
        corner = b.keypoint(f'{name}_waistband', body, complex(0.02, sign * 0.95 * waist), (band,), front)
        pocket = b.part(body, ellipse((0.14, sign * 0.6 * waist), (0.06, 0.05), 5), 'pocket', z=0.2)
        pocket_point = b.keypoint(f'{name}_pocket', body, complex(0.14, sign * 0.6 * waist), (pocket,),
                                  corner)  # fmt: skip
        side = b.keypoint(f'{name}_hip', body, complex(crotch - 0.02, sign * 0.93 * hip), (seat,),
                          pocket_point)  # fmt: skip
        bone, position, link = body, complex(crotch, sign * 0.5 * hip), side
        segments, previous = (2, seat) if knees else (1, seat)
        step = inseam / segments
        for i in range(segments):
            bone = b.bone(bone, position, sign * 5 if i == 0 else 0, 24)
            wide = 0.5 * hip if i == 0 else 0.5 * (0.5 * hip + cuff)
            narrow = cuff if i == segments - 1 else 0.5 * (0.5 * hip + cuff)
            shape = [(-0.05, -wide), (-0.05, wide), (step, narrow), (step, -narrow)]
            texture = _tint(b.wardrobe[f'leg_{i}'], sign)
            part = b.part(bone, shape, texture, z=-0.1 - 0.05 * i, relief=0.25)
            if i == 0:
                b.own(side, part)
                b.own(fork, part)
            else:
                link = b.keypoint(f'{name}_knee_outer', bone, complex(0, sign * 0.88 * wide),
                                  (part, previous), link)  # fmt: skip
                b.keypoint(f'{name}_knee_inner', bone, complex(0, -sign * 0.88 * wide),
                           (part, previous), fork)  # fmt: skip
            previous, position = part, complex(step, 0)
        edge = b.part(bone, [(step - 0.06, -narrow * 1.02), (step - 0.06, narrow * 1.02),
                             (step, narrow * 1.02), (step, -narrow * 1.02)], 'band', z=-0.02)  # fmt: skip
        outer = b.keypoint(f'{name}_cuff_outer', bone, complex(step - 0.015, sign * 0.9 * narrow),
                           (edge, part), link)  # fmt: skip
        b.keypoint(f'{name}_cuff_inner', bone, complex(step - 0.015, -sign * 0.9 * narrow), (edge, part),
                   outer)  # fmt: skip
    return b.build(bend=0.04)


def face(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Frontal face of an animal; a gaze slides the features over the head, the mouth opens."""
    b = JointedBuilder(rng, resolution)
    top, cheek, chin = rng.uniform(0.36, 0.5), rng.uniform(0.32, 0.48), rng.uniform(0.4, 0.6)
    skull = b.bone(-1, 0, 90)  # x runs down, +y is the image's left: the animal's right
    half = np.array([(-top, 0.35 * cheek), (-0.5 * top, 0.85 * cheek), (0.2 * chin, cheek),
                     (0.7 * chin, 0.7 * cheek), (chin, 0.3 * cheek)])  # fmt: skip
    head = b.part(skull, smooth_closed(np.concatenate([half, half[::-1] * (1, -1)])), 'fur', relief=0.35)

    gaze = rng.uniform(0.04, 0.07)
    mask = b.bone(skull, 0, 0, 0, gaze)
    muzzle_bone = b.bone(skull, complex(0.42 * chin, 0), 0, 0, 1.5 * gaze)
    size = rng.uniform(0.4, 0.6) * cheek
    muzzle = b.part(muzzle_bone, ellipse((0, 0), (0.75 * size, size), rng.uniform(2, 3)), 'muzzle', z=0.1)
    blaze = b.part(mask, smooth_closed(np.array([(-0.9 * top, 0.02), (-0.4 * top, 0.09), (0.1, 0.05),
                   (0.1, -0.05), (-0.4 * top, -0.09), (-0.9 * top, -0.02)])), 'blaze', z=0.05)  # fmt: skip
    nose_size = rng.uniform(0.06, 0.11)
    nose = b.part(muzzle_bone, [(-0.5 * size - nose_size, 1.3 * nose_size),
                  (-0.5 * size - nose_size, -1.3 * nose_size), (-0.5 * size + nose_size, -0.2 * nose_size),
                  (-0.5 * size + nose_size, 0.2 * nose_size)], 'nose', z=0.3)  # fmt: skip
    jaw = b.bone(muzzle_bone, complex(0.35 * size, 0), 0, 0, 0.4 * gaze)
    mouth_width = 0.6 * size
    mouth = b.part(jaw, smooth_closed(np.array([(-0.03, -mouth_width), (0.03, 0), (-0.03, mouth_width),
                   (0.11, 0.5 * mouth_width), (0.11, -0.5 * mouth_width)])), 'mouth', z=0.3)  # fmt: skip

    brow = b.keypoint('forehead', mask, -0.4 * top, (blaze, head))
    tip = b.keypoint('nose_tip', muzzle_bone, -0.5 * size + 0.6 * nose_size, (nose, muzzle), brow)
    lip = b.keypoint('upper_lip', jaw, 0.03, (mouth, muzzle), tip)
    b.keypoint('lower_lip', jaw, 0.105, (mouth, muzzle), lip)
    b.keypoint('chin', skull, 0.97 * chin, (head, muzzle), lip)

    ear_length, ear_width = rng.uniform(0.15, 0.5), rng.uniform(0.09, 0.17)
    ear_angle = rng.uniform(15, 80)
    floppy = rng.uniform() < 0.3
    spacing, eye_height, eye_size = rng.uniform(0.42, 0.55), rng.uniform(-0.1, 0.1), rng.uniform(0.09, 0.13)
    marks, horn_length = rng.uniform() < 0.4, rng.uniform(0.15, 0.4)
    horns = rng.uniform() < 0.35
    for name, sign in (('right', 1), ('left', -1)):
        at = complex(eye_height - 0.05, sign * spacing * cheek)
        eye = b.part(mask, ellipse((at.real, at.imag), (0.7 * eye_size, eye_size)), 'sclera', z=0.2)
        pupil = b.part(mask, ellipse((at.real, at.imag), (0.5 * eye_size, 0.45 * eye_size)), 'pupil',
                       z=0.25, relief=0.1)  # fmt: skip
        inner = b.keypoint(f'{name}_eye_inner', mask, at - 0.85j * sign * eye_size, (eye, pupil), brow)
        pupil_point = b.keypoint(f'{name}_pupil', mask, at, (pupil,), inner)
        outer = b.keypoint(f'{name}_eye_outer', mask, at + 0.85j * sign * eye_size, (eye,), pupil_point)
        corner = b.keypoint(f'{name}_mouth_corner', jaw, complex(-0.015, sign * 0.9 * mouth_width),
                            (mouth, muzzle), lip)  # fmt: skip
        b.keypoint(f'{name}_nostril', muzzle_bone,
                   complex(-0.5 * size - 0.75 * nose_size, sign * nose_size), (nose,), tip)  # fmt: skip
        if marks:
            spot = complex(0.3 * chin, sign * 0.78 * cheek)
            mark = b.part(skull, ellipse((spot.real, spot.imag), (0.06, 0.06)), 'mark', z=0.15)
            b.keypoint(f'{name}_cheek', skull, spot, (mark,), corner)
        angle = 180 - sign * (ear_angle + (70 if floppy else 0))
        ear = b.bone(skull, complex(-0.62 * top, sign * 0.72 * cheek), angle, 25)
        shape = smooth_closed(np.array([(-0.1, -ear_width), (0.5 * ear_length, -0.95 * ear_width),
                              (ear_length, 0), (0.5 * ear_length, 0.95 * ear_width), (-0.1, ear_width)]))
        ear_part = b.part(ear, shape, _tint(b.wardrobe['ear'], sign), z=0.12 if floppy else -0.1)
        base = b.keypoint(f'{name}_ear_base', ear, 0.06, (ear_part, head), outer)
        b.keypoint(f'{name}_ear_tip', ear, 0.88 * ear_length, (ear_part,), base)
        if horns:
            horn = b.bone(skull, complex(-0.85 * top, sign * 0.3 * cheek), 180 - sign * 12, 6)
            horn_part = b.part(horn, capsule(horn_length, 0.06, 0.02), 'horn', z=-0.05)
            b.keypoint(f'{name}_horn_tip', horn, 0.97 * horn_length, (horn_part,), brow)
    return b.build(bend=0.05, stretch=0.1)


def fish(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Side view, heading right or left; fins and a forked tail on a bending body."""
    b = JointedBuilder(rng, resolution)
    length, height = 1.0, rng.uniform(0.15, 0.33)
    belly = height * rng.uniform(0.7, 1.2)
    body = b.bone(-1, 0, 0)
    contour = smooth_closed(
        np.array(
            [
                (0, -0.05), (0.3, -0.6 * height), (0.65, -height), (0.9, -0.65 * height),
                (1.03, 0.0), (0.88, 0.6 * belly), (0.6, belly), (0.25, 0.55 * belly), (0, 0.05),
            ]
        )
    )  # fmt: skip
    trunk = b.part(body, contour, 'body')
    head = b.part(
        body,
        smooth_closed(np.array([(0.8, -0.72 * height), (0.92, -0.5 * height), (1.0, 0.0),
                                (0.9, 0.45 * belly), (0.78, 0.7 * belly), (0.83, 0)])),
        'head', z=0.1, relief=0.3,
    )  # fmt: skip
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
        shape = [(-0.02, -0.04), (0.3 * tail_length, -0.07), (tail_length, -0.02), (1.05 * tail_length, 0.03),
                 (0.4 * tail_length, 0.08), (-0.02, 0.04)]  # fmt: skip
        part = b.part(bone, shape, f'tail_{name}', z=-0.1 if sign > 0 else -0.15, relief=0.25)
        b.own(root, part)
        b.keypoint(f'tail_{name}_tip', bone, 0.93 * tail_length, (part,), root)

    link = nape
    for i in range(int(rng.integers(1, 4))):
        x = 0.72 - 0.24 * i
        start = complex(x, -height * np.interp(x, [0, 0.3, 0.65, 0.9], [0.2, 0.6, 1.0, 0.65]) * 0.92)
        size = rng.uniform(0.12, 0.26)
        link = _fin(b, body, start, -135, size, f'dorsal_{i + 1}', link, trunk, z=-0.2)
    b.link(link, root)
    link = throat
    for i, (name, x) in enumerate((('pelvic', 0.55), ('anal', 0.25))[: int(rng.integers(1, 3))]):
        start = complex(x, belly * (0.95 if i == 0 else 0.5))
        link = _fin(b, body, start, 130, rng.uniform(0.12, 0.24), name, link, trunk, z=-0.2)
    b.link(link, root)
    _fin(b, body, complex(0.7, 0.25 * belly), 160, rng.uniform(0.14, 0.24), 'pectoral', gill, trunk, z=0.4)
    return b.build(reversible=True, bend=0.06)


def _fin(b: JointedBuilder, body, start, angle, size, name, link, trunk, z) -> int:
    bone = b.bone(body, start, angle, 22)
    sign = 1 if angle < 0 else -1  # the fin widens towards the tail
    shape = np.array([(-0.05, 0.07), (0.5 * size, 0.05), (size, 0.0), (0.7 * size, -0.09), (-0.05, -0.1)])
    part = b.part(bone, shape * (1, sign), f'fin_{name}', z=z, relief=0.25)
    base = b.keypoint(f'{name}_fin_base', bone, complex(0.0, 0.0), (part, trunk), link)
    b.keypoint(f'{name}_fin_tip', bone, 0.92 * size, (part,), base)
    return base
