"""Jointed bodies of people and robots: bipeds from the front, hands."""

from __future__ import annotations

import numpy as np

from .jointed import JointedBuilder
from .model import Blueprint
from .shapes import capsule, ellipse, mirrored, petal, smooth_closed
from .textures import sided


def biped(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Front view, upright: 1 or 2 pairs of arms, 2 legs; the body's left is the image's right."""
    b = JointedBuilder(rng, resolution)
    height = rng.uniform(0.5, 0.75)
    shoulder, hip = rng.uniform(0.16, 0.3), rng.uniform(0.12, 0.2)
    pelvis = b.bone(-1, 0, -90, 0)
    chest_bone = b.bone(pelvis, 0.4 * height, 0, 14)
    half = [(-0.16, hip), (0.3, shoulder), (0.62, 0.75 * shoulder)]
    half = [(x * height, y) for x, y in half]
    chest = b.part(chest_bone, smooth_closed(mirrored(half)), 'chest', z=0.1)
    belly = b.part(pelvis, ellipse((0.14 * height, 0), (0.3 * height, 1.1 * hip), 3), 'belly')
    waist = b.keypoint('waist', chest_bone, -0.05 * height, (chest, belly))
    neck = b.keypoint('neck', chest_bone, 0.56 * height, (chest,), waist)
    pelvis_point = b.keypoint('pelvis', pelvis, -0.02 * height, (belly,), waist)

    size = rng.uniform(0.13, 0.22)
    head = b.bone(chest_bone, 0.62 * height, 0, 22)
    neck_part = b.part(head, capsule(0.5 * size, 0.4 * size, 0.4 * size), 'skin', z=0.05)
    b.own(neck, neck_part)
    head_part = b.part(
        head,
        ellipse((1.2 * size, 0), (size, size * rng.uniform(0.7, 1.1)), rng.uniform(2, 4)),
        'head',
        z=0.3,
    )
    crown = b.keypoint('crown', head, 2.05 * size, (head_part,), None)
    chin = b.keypoint('chin', head, 0.38 * size, (head_part,), neck)
    b.link(chin, crown)
    ears = rng.uniform() < 0.6
    ear_angle, ear_length = rng.uniform(20, 75), rng.uniform(0.8, 1.8) * size
    for name, sign in (('right', -1), ('left', 1)):
        at = complex(1.3 * size, 0.38 * sign * size)
        eye = b.part(head, ellipse((at.real, at.imag), (0.24 * size, 0.2 * size)), 'eye', z=0.4)
        b.keypoint(f'{name}_eye', head, at, (eye,), chin)
        if ears:
            ear = b.bone(head, complex(1.8 * size, 0.6 * sign * size), sign * ear_angle, 20)
            shape = petal(ear_length, 0.3 * size, 0.3 * size)
            ear_part = b.part(ear, shape, 'ear', z=0.2)
            b.keypoint(f'{name}_ear_tip', ear, 0.85 * ear_length, (ear_part,), crown)

    arm_segments = int(rng.integers(2, 4))
    reach = rng.uniform(0.5, 0.8)
    for row in range(2 if rng.uniform() < 0.3 else 1):
        label = 'lower_' if row else ''
        rest = rng.uniform(100, 145) - 30 * row
        lengths = np.full(arm_segments, reach * (0.8 if row else 1) / arm_segments)
        widths = np.linspace(0.075, 0.045, arm_segments + 1) * rng.uniform(0.8, 1.2)
        joints = ('elbow', 'wrist')[: arm_segments - 1]
        bow = rng.uniform(0, 25)
        for name, sign in (('right', -1), ('left', 1)):
            names = [f'{name}_{label}{j}' for j in ('shoulder', *joints, 'hand')]
            bone, _, tip = b.limb(
                names,
                chest_bone,
                complex((0.5 - 0.28 * row) * height, sign * 0.95 * shoulder),
                [sign * rest] + [-sign * bow] * (arm_segments - 1),
                lengths,
                widths,
                [
                    sided(b.wardrobe[t], sign)
                    for t in [f'{label}sleeve', f'{label}forearm', 'skin'][:arm_segments]
                ],
                [35, 35, 30][:arm_segments],
                z=0.5 - 0.2 * row,
                link=neck,
                root_owners=(chest,),
                fold=0.03,
            )
            hand = b.part(bone, ellipse((lengths[-1] + 0.03, 0), (0.075, 0.06), 3), 'hand', z=0.65)
            b.own(tip, hand)

    leg = rng.uniform(0.55, 0.85)
    widths = np.array([0.1, 0.075, 0.055]) * rng.uniform(0.8, 1.15)
    stance, splay = rng.uniform(2, 14), rng.uniform(45, 70)
    for name, sign in (('right', -1), ('left', 1)):
        bone, _, tip = b.limb(
            [f'{name}_hip', f'{name}_knee', f'{name}_ankle'],
            pelvis,
            complex(-0.05 * height, 0.6 * sign * hip),
            [180 - sign * stance, sign * 4.0],
            [leg / 2, leg / 2],
            widths,
            [sided(b.wardrobe['thigh'], sign), sided(b.wardrobe['shin'], sign)],
            [24, 28],
            z=-0.2,
            link=pelvis_point,
            root_owners=(belly,),
            fold=0.03,
            root_inset=0.15,
        )
        toe = b.bone(bone, leg / 2, -sign * splay, 20)
        shoe = b.part(toe, capsule(0.13, 0.065, 0.055), 'shoe', z=-0.1)
        b.own(tip, shoe)
        b.keypoint(f'{name}_toe', toe, 0.14, (shoe,), tip)
    return b.build(bend=0.015)


def hand(rng: np.random.Generator, resolution: float) -> Blueprint:
    """A palm with 3 to 6 fingers of 2 to 4 phalanges, the first one a thumb."""
    b = JointedBuilder(rng, resolution)
    fingers, phalanges = int(rng.integers(3, 7)), int(rng.integers(2, 5))
    width, length = 0.07 * fingers, rng.uniform(0.35, 0.5)
    palm = b.bone(-1, 0, -90)
    half = [(-0.06, 0.6 * width), (0.5 * length, width), (length, 0.95 * width)]
    palm_part = b.part(palm, smooth_closed(mirrored(half)), 'palm')
    arm = b.bone(palm, 0, 180, 25)
    arm_length = rng.uniform(0.15, 0.35)
    arm_part = b.part(arm, capsule(arm_length, 0.6 * width, 0.55 * width), 'arm', z=-0.3)
    wrist = b.keypoint('wrist', palm, 0.02, (palm_part, arm_part))
    b.keypoint('forearm', arm, arm_length, (arm_part,), wrist)
    spread = rng.uniform(12, 26)
    thickness = rng.uniform(0.75, 1.0) * 0.95 * width / max(fingers - 1, 2)
    for i in range(fingers):
        thumb = i == 0
        count = max(2, phalanges - 1) if thumb else phalanges
        t = i / (fingers - 1)
        at = (
            complex(0.3 * length, -0.85 * width)
            if thumb
            else complex(length * 0.95, width * (-0.8 + 1.6 * (i - 1) / max(fingers - 2, 1)))
        )
        angle = -rng.uniform(40, 60) if thumb else spread * 2 * (t - 0.58)
        reach = rng.uniform(0.32, 0.58) * (0.75 if thumb else 1.0)
        tone = b.wardrobe['finger'].tinted(np.full(3, 0.75 + 0.5 * t))
        second = b.wardrobe['phalanx'].tinted(np.full(3, 1.2 - 0.45 * t))
        textures = [(tone, second)[j % 2] for j in range(count)]
        name = 'thumb' if thumb else f'finger{i}'
        bone, _, tip = b.limb(
            [f'{name}_base', *[f'{name}_joint{j + 1}' for j in range(count - 1)], f'{name}_tip'],
            palm,
            at,
            angle,
            [reach / count] * count,
            np.linspace(thickness, 0.7 * thickness, count + 1),
            textures,
            [16 if not thumb else 25, 25, 20, 20][:count],
            z=0.3 if thumb else 0.1,
            link=wrist,
            root_owners=(palm_part,),
            fold=0.02,
        )
        nail = b.part(
            bone, ellipse((0.98 * reach / count, 0), (0.05, 0.55 * thickness), 3), 'nail', z=0.5
        )
        b.own(tip, nail)
    return b.build(reversible=True, bend=0.02)  # left hands and right hands
