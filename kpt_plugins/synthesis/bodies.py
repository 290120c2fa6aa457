"""Jointed bodies with left and right sides: quadrupeds, insects, bipeds, hands, flyers.

Each function draws the topology (limb counts, segment counts), proportions and textures of one
category. Lengths are relative; the builder scales the result.
"""

from __future__ import annotations

import numpy as np

from .jointed import JointedBuilder
from .model import Blueprint
from .sprites import capsule, ellipse, smooth_closed
from .textures import Texture

# Sides in a view from above or behind, heading up: y of the body axis' frame points right.
_SIDES = (('left', -1), ('right', 1))


def quadruped(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Side view, heading right or left; far limbs lie behind the body."""
    b = JointedBuilder(rng, resolution)
    length, girth = 1.0, rng.uniform(0.17, 0.3)
    spine = b.bone(-1, 0, 0)
    rump, belly, chest = girth * rng.uniform(0.8, 1.15, 3)
    hump = rng.uniform(-0.03, 0.12)
    outline = smooth_closed(
        np.array(
            [
                (-0.13, 0.0), (0.0, -0.8 * rump), (0.35, -0.75 * girth), (0.65, -girth * 0.8 - hump),
                (0.98, -0.75 * chest), (1.12, 0.0), (0.95, 0.9 * chest), (0.5, 0.8 * belly),
                (0.05, 0.85 * rump),
            ]
        )
    )  # fmt: skip
    torso = b.part(spine, outline, 'torso')
    withers = b.keypoint('withers', spine, complex(0.93, -0.55 * chest), (torso,))
    tail_root = b.keypoint('tail_root', spine, complex(-0.03, -0.5 * rump), (torso,), withers)

    neck_length = rng.uniform(0.2, 0.6)
    thick = rng.uniform(0.1, 0.16)
    neck = b.bone(spine, complex(0.95, -0.3 * chest), rng.uniform(-70, -25), 25)
    neck_part = b.part(neck, capsule(neck_length, 1.25 * thick, thick), 'neck', z=0.2)
    b.own(withers, neck_part)
    _animal_head(b, neck, neck_length, thick, withers, neck_part)

    tail_segments = int(rng.integers(1, 4))
    tail_width = rng.uniform(0.03, 0.07)
    names = [None] + [f'tail_{i + 1}' for i in range(tail_segments - 1)] + ['tail_tip']
    b.limb(
        names, spine, complex(-0.05, -0.5 * rump), rng.uniform(120, 215),
        [rng.uniform(0.45, 0.9) / tail_segments] * tail_segments,
        np.linspace(tail_width, tail_width * rng.uniform(0.5, 1.6), tail_segments + 1),
        ['tail'] * (tail_segments - 1) + ['tail_tip'], [30] * tail_segments,
        z=-0.5, link=tail_root,
    )  # fmt: skip

    segments = int(rng.integers(2, 4))
    leg = rng.uniform(0.45, 0.85)
    for row, x, knee in (('front', 0.88, 12.0), ('hind', 0.1, -18.0)):
        shares = rng.uniform(0.8, 1.2, segments)
        lengths = leg * shares / shares.sum()
        widths = rng.uniform(0.85, 1.1) * np.linspace(0.12, 0.05, segments + 1)
        angles = [90 + rng.uniform(-8, 8)] + [knee * (-1) ** i for i in range(segments - 1)]
        joints = ['knee', 'ankle'][: segments - 1]
        shin = f'{row}_shin'
        for name, side in (('right', 1), ('left', -1)):
            limb_names = [f'{name}_{row}_thigh'] + [f'{name}_{row}_{j}' for j in joints]
            shift = 0.0 if side > 0 else rng.uniform(0.05, 0.1)
            bone, last, tip = b.limb(
                [*limb_names, f'{name}_{row}_foot'], spine,
                complex(x + shift, 0.35 * girth), angles, lengths, widths,
                [f'{row}_thigh'] + [shin] * (segments - 1), [30, 25, 25][:segments],
                z=0.5, side=side, link=withers if row == 'front' else tail_root, fold=-0.05,
                bulge=0.03, root_inset=0.3 if side > 0 else 0.62,
            )  # fmt: skip
            size = widths[-1] * 1.5
            foot = b.part(bone, ellipse((lengths[-1], -0.4 * size), (size, 1.3 * size), 3), 'foot',
                          z=0.6, side=side)  # fmt: skip
            b.own(tip, foot)
    return b.build(reversible=True, bend=0.015)


def _animal_head(b: JointedBuilder, neck: int, at: float, thick: float, link: int, neck_part: int):
    rng = b.rng
    snout, skull = rng.uniform(0.2, 0.42), thick * rng.uniform(1.1, 1.6)
    head = b.bone(neck, at, rng.uniform(45, 75), 25)
    shape = smooth_closed(
        np.array(
            [
                (-skull, 0.1 * skull), (-0.4 * skull, -skull), (0.7 * skull, -0.8 * skull),
                (snout, -0.35 * skull), (snout + 0.06, 0.15 * skull), (snout, 0.55 * skull),
                (0.4 * skull, 0.85 * skull), (-0.6 * skull, 0.9 * skull),
            ]
        )
    )  # fmt: skip
    part = b.part(head, shape, 'head', z=0.3)
    nose = b.part(head, ellipse((snout, 0.0), (0.07, 0.07)), 'nose', z=0.35)
    poll = b.keypoint('poll', head, complex(-0.5 * skull, -0.35 * skull), (part, neck_part), link)
    eye_at = complex(0.3 * skull, -0.25 * skull)
    eye = b.part(head, ellipse((eye_at.real, eye_at.imag), (0.06, 0.06)), 'eye', z=0.4)
    eye_point = b.keypoint('eye', head, eye_at, (eye,), poll)
    b.keypoint('nose', head, complex(snout + 0.02, 0.0), (nose, part), eye_point)
    b.keypoint('jaw', head, complex(0.0, 0.6 * skull), (part,), poll)
    ear_length, ear_width = rng.uniform(0.14, 0.4), rng.uniform(0.04, 0.09)
    ear_angle = rng.uniform(-130, -80)
    for name, side, turn in (('right', 1, 0.0), ('left', -1, 25.0)):
        ear = b.bone(head, complex(-0.3 * skull, -0.75 * skull), ear_angle + turn, 20)
        ear_shape = smooth_closed(
            np.array([(-0.04, -ear_width), (0.55 * ear_length, -ear_width), (ear_length, 0),
                      (0.55 * ear_length, ear_width), (-0.04, ear_width)])
        )  # fmt: skip
        # Just before / behind the head, within the order of the whole body.
        ear_part = b.part(ear, ear_shape, 'ear', z=0.45 if side > 0 else 0.25, side=0)
        b.keypoint(f'{name}_ear_tip', ear, 0.86 * ear_length, (ear_part,), poll)


def insect(rng: np.random.Generator, resolution: float) -> Blueprint:
    """View from above, heading up: 2 to 5 pairs of legs, abdomen of 1 to 3 segments."""
    b = JointedBuilder(rng, resolution)
    pairs = int(rng.integers(2, 6))
    segments = 2 if pairs == 5 else int(rng.integers(2, 4))
    half, width = rng.uniform(0.16, 0.3), rng.uniform(0.1, 0.17)
    body = b.bone(-1, 0, -90)
    thorax = b.part(body, ellipse((0, 0), (half + 0.04, width), rng.uniform(2, 3)), 'thorax')

    head_size = rng.uniform(0.1, 0.16)
    head = b.bone(body, half, 0, 15)
    head_part = b.part(
        head, ellipse((0.8 * head_size, 0), (head_size, head_size * rng.uniform(0.8, 1.3))),
        'head', z=0.2,
    )  # fmt: skip
    neck = b.keypoint('neck', head, 0, (head_part, thorax))
    front = b.keypoint('head_front', head, 1.55 * head_size, (head_part,), neck)
    antenna = rng.uniform() < 0.75
    antenna_angle, antenna_length = rng.uniform(20, 50), rng.uniform(0.25, 0.45)
    for name, sign in _SIDES:
        at = complex(1.0 * head_size, 0.62 * sign * head_size)
        eye = b.part(head, ellipse((at.real, at.imag), (0.05, 0.045)), 'eye', z=0.4)
        b.keypoint(f'{name}_eye', head, at, (eye,), front)
        if antenna:
            b.limb(
                [None, f'{name}_antenna_mid', f'{name}_antenna_tip'], head,
                complex(1.4 * head_size, 0.4 * sign * head_size),
                [sign * antenna_angle, sign * 25.0], [antenna_length / 2] * 2,
                [0.028, 0.024, 0.032], ['antenna', 'antenna_tip'], [20, 30], z=0.1, link=front,
            )  # fmt: skip

    waist = b.keypoint('waist', body, -0.9 * half, (thorax,), neck)
    count = int(rng.integers(1, 4))
    total, thick = rng.uniform(0.35, 0.75), rng.uniform(0.1, 0.2)
    tail, offset, link = body, complex(-half, 0), waist
    for i in range(count):
        step = total / count
        taper = thick * (1 - 0.25 * i)
        tail = b.bone(tail, offset, 180.0 if i == 0 else 0.0, 14)
        part = b.part(tail, ellipse((0.5 * step, 0), (0.62 * step, taper), 2.5),
                      f'abdomen_{i % 2}', z=-0.1 * (i + 1))  # fmt: skip
        b.own(link, part)
        tip = i == count - 1
        name = 'abdomen_tip' if tip else f'abdomen_{i + 1}'
        link = b.keypoint(name, tail, (0.98 if tip else 1.0) * step, (part,), link)
        offset = complex(step, 0)

    reach = rng.uniform(0.4, 0.75)
    fan = np.linspace(rng.uniform(35, 60), rng.uniform(115, 150), pairs)
    for row in range(pairs):
        x = half * (0.75 - 1.5 * row / max(pairs - 1, 1))
        shares = rng.uniform(0.7, 1.3, segments)
        lengths = reach * rng.uniform(0.8, 1.2) * shares / shares.sum()
        knee = rng.uniform(15, 45) * (1 if fan[row] > 75 else -1)
        widths = np.linspace(0.05, 0.024, segments + 1)
        # Rows share the pattern but differ in tone; sides by the tint below only.
        thigh = b.wardrobe['leg'].tinted(np.full(3, 0.7 + 0.6 * row / max(pairs - 1, 1)))
        shin = b.wardrobe['shin' if row % 2 == 0 else 'shin_odd']
        for name, sign in _SIDES:
            joints = [f'{name}_leg{row + 1}_{j}' for j in ('knee', 'ankle')[: segments - 1]]
            b.limb(
                [f'{name}_leg{row + 1}_hip', *joints, f'{name}_leg{row + 1}_foot'], body,
                complex(x, 0.75 * sign * width),
                [sign * fan[row]] + [sign * knee] * (segments - 1), lengths, widths,
                [_tint(thigh, sign), *[_tint(shin, sign)] * (segments - 1)],
                [28, 35, 35][:segments],
                z=-0.5, link=neck if row < pairs / 2 else waist, root_inset=0.3, fold=0.02,
            )  # fmt: skip
    return b.build(bend=0.02)


_TINTS = {-1: np.array([1.0, 1.0, 1.0]), 1: np.array([0.82, 0.9, 1.08])}


def _tint(texture: Texture, sign: int) -> Texture:
    """The right side is a little warmer than the left one."""
    return texture if sign < 0 else texture.tinted(_TINTS[sign])


def biped(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Front view, upright: 1 or 2 pairs of arms, 2 legs. The body's left is on the image's right."""
    b = JointedBuilder(rng, resolution)
    height = rng.uniform(0.5, 0.75)
    shoulder, hip = rng.uniform(0.16, 0.3), rng.uniform(0.12, 0.2)
    pelvis = b.bone(-1, 0, -90, 0)
    chest_bone = b.bone(pelvis, 0.4 * height, 0, 14)
    chest = b.part(
        chest_bone,
        smooth_closed(np.array([(-0.16 * height, -hip), (0.3 * height, -shoulder),
                                (0.62 * height, -0.75 * shoulder), (0.62 * height, 0.75 * shoulder),
                                (0.3 * height, shoulder), (-0.16 * height, hip)])),
        'chest', z=0.1,
    )  # fmt: skip
    belly = b.part(pelvis, ellipse((0.14 * height, 0), (0.3 * height, 1.1 * hip), 3), 'belly')
    waist = b.keypoint('waist', chest_bone, -0.05 * height, (chest, belly))
    neck = b.keypoint('neck', chest_bone, 0.56 * height, (chest,), waist)
    pelvis_point = b.keypoint('pelvis', pelvis, -0.02 * height, (belly,), waist)

    size = rng.uniform(0.13, 0.22)
    head = b.bone(chest_bone, 0.62 * height, 0, 22)
    neck_part = b.part(head, capsule(0.5 * size, 0.4 * size, 0.4 * size), 'skin', z=0.05)
    b.own(neck, neck_part)
    head_part = b.part(
        head, ellipse((1.2 * size, 0), (size, size * rng.uniform(0.7, 1.1)), rng.uniform(2, 4)),
        'head', z=0.3,
    )  # fmt: skip
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
            shape = smooth_closed(np.array([(-0.3 * size, -0.3 * size), (0.5 * ear_length, -0.3 * size),
                                            (ear_length, 0), (0.5 * ear_length, 0.3 * size),
                                            (-0.3 * size, 0.3 * size)]))  # fmt: skip
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
                names, chest_bone, complex((0.5 - 0.28 * row) * height, sign * 0.95 * shoulder),
                [sign * rest] + [-sign * bow] * (arm_segments - 1), lengths, widths,
                [_tint(b.wardrobe[t], sign) for t in
                 [f'{label}sleeve', f'{label}forearm', 'skin'][:arm_segments]],
                [35, 35, 30][:arm_segments], z=0.5 - 0.2 * row, link=neck, root_owners=(chest,),
                fold=0.03,
            )  # fmt: skip
            hand = b.part(bone, ellipse((lengths[-1] + 0.03, 0), (0.075, 0.06), 3), 'hand', z=0.65)
            b.own(tip, hand)

    leg = rng.uniform(0.55, 0.85)
    widths = np.array([0.1, 0.075, 0.055]) * rng.uniform(0.8, 1.15)
    stance, splay = rng.uniform(2, 14), rng.uniform(45, 70)
    for name, sign in (('right', -1), ('left', 1)):
        bone, _, tip = b.limb(
            [f'{name}_hip', f'{name}_knee', f'{name}_ankle'], pelvis,
            complex(-0.05 * height, 0.6 * sign * hip), [180 - sign * stance, sign * 4.0],
            [leg / 2, leg / 2], widths,
            [_tint(b.wardrobe['thigh'], sign), _tint(b.wardrobe['shin'], sign)], [24, 28],
            z=-0.2, link=pelvis_point, root_owners=(belly,), fold=0.03, root_inset=0.15,
        )  # fmt: skip
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
    palm_part = b.part(
        palm,
        smooth_closed(np.array([(-0.06, -0.6 * width), (0.5 * length, -width), (length, -0.95 * width),
                                (length, 0.95 * width), (0.5 * length, width), (-0.06, 0.6 * width)])),
        'palm', z=0,
    )  # fmt: skip
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
        at = complex(0.3 * length, -0.85 * width) if thumb else complex(
            length * 0.95, width * (-0.8 + 1.6 * (i - 1) / max(fingers - 2, 1)))  # fmt: skip
        angle = -rng.uniform(40, 60) if thumb else spread * 2 * (t - 0.58)
        reach = rng.uniform(0.32, 0.58) * (0.75 if thumb else 1.0)
        tone = b.wardrobe['finger'].tinted(np.full(3, 0.75 + 0.5 * t))
        second = b.wardrobe['phalanx'].tinted(np.full(3, 1.2 - 0.45 * t))
        textures = [(tone, second)[j % 2] for j in range(count)]
        name = 'thumb' if thumb else f'finger{i}'
        bone, _, tip = b.limb(
            [f'{name}_base', *[f'{name}_joint{j + 1}' for j in range(count - 1)], f'{name}_tip'],
            palm, at, angle, [reach / count] * count,
            np.linspace(thickness, 0.7 * thickness, count + 1), textures,
            [16 if not thumb else 25, 25, 20, 20][:count],
            z=0.3 if thumb else 0.1, link=wrist, root_owners=(palm_part,), fold=0.02,
        )  # fmt: skip
        nail = b.part(bone, ellipse((0.98 * reach / count, 0), (0.05, 0.55 * thickness), 3), 'nail',
                      z=0.5)  # fmt: skip
        b.own(tip, nail)
    return b.build(bend=0.02)


def flyer(rng: np.random.Generator, resolution: float) -> Blueprint:
    """View from above with spread wings of 2 or 3 segments and a forked tail."""
    b = JointedBuilder(rng, resolution)
    length, width = rng.uniform(0.35, 0.6), rng.uniform(0.09, 0.15)
    body = b.bone(-1, 0, -90)
    torso = b.part(body, ellipse((0, 0), (0.6 * length, width), 2.3), 'torso', z=0.2)
    centre = b.keypoint('back', body, 0.1 * length, (torso,))

    size = rng.uniform(0.09, 0.14)
    head = b.bone(body, 0.58 * length, 0, 20)
    beak_length = rng.uniform(0.12, 0.3)
    beak = b.part(
        head, [(size, -0.5 * size), (1.7 * size + beak_length, 0), (size, 0.5 * size)], 'beak', z=0.3
    )
    head_part = b.part(head, ellipse((0.8 * size, 0), (1.1 * size, size)), 'head', z=0.4)
    nape = b.keypoint('nape', head, 0, (head_part, torso), centre)
    b.keypoint('beak_tip', head, 1.45 * size + beak_length, (beak,), nape)
    for name, sign in _SIDES:
        at = complex(size, 0.55 * sign * size)
        eye = b.part(head, ellipse((at.real, at.imag), (0.042, 0.042)), 'eye', z=0.5)
        b.keypoint(f'{name}_eye', head, at, (eye,), nape)

    tail = b.bone(body, -0.5 * length, 180, 22)
    tail_length, fork = rng.uniform(0.25, 0.5), rng.uniform(10, 30)
    tail_root = b.keypoint('tail_root', tail, 0.02, (torso,), centre)
    for name, sign in _SIDES:
        # The tail's x axis points backwards, so the body's right is at negative y.
        feather = b.bone(tail, 0, -sign * fork, 10)
        shape = capsule(tail_length, 0.045, rng.uniform(0.05, 0.06))
        part = b.part(feather, shape, _tint(b.wardrobe['tail'], sign), z=0.05)
        b.keypoint(f'{name}_tail_tip', feather, tail_length, (part,), tail_root)

    segments, span = int(rng.integers(2, 4)), rng.uniform(0.65, 1.0)
    sweep, chord = rng.uniform(65, 100), rng.uniform(0.16, 0.3)
    shares = rng.uniform(0.8, 1.3, segments)
    lengths = span * shares / shares.sum()
    turns = [0.0, *rng.uniform(5, 30, segments - 1)]
    hind = rng.uniform() < 0.4
    hind_length = rng.uniform(0.35, 0.55)
    for name, sign in _SIDES:
        bone, position, link = body, complex(0.3 * length, 0.6 * sign * width), centre
        previous = torso
        for i in range(segments):
            angle = sign * (sweep if i == 0 else turns[i])
            bone = b.bone(bone, position, angle, 28 if i == 0 else 22)
            shape = _wing(lengths[i], chord * (1 - 0.2 * i), i == segments - 1)
            texture = _tint(b.wardrobe[f'wing_{i}'], sign)
            part = b.part(bone, shape * (1, sign), texture, z=-0.1 - 0.1 * i, relief=0.25)
            joint = ('shoulder', 'elbow', 'wrist')[i]
            link = b.keypoint(f'{name}_{joint}', bone, 0.12 * lengths[i] if i == 0 else 0.0,
                              (previous, part), link)  # fmt: skip
            if i == segments - 1:
                b.keypoint(f'{name}_wing_tip', bone, 0.95 * lengths[i], (part,), link)
            else:
                rear = complex(0.85 * lengths[i], sign * 0.82 * chord * (1 - 0.2 * i))
                b.keypoint(f'{name}_{joint}_trailing_edge', bone, rear, (part,), link)
            previous, position = part, complex(lengths[i], 0)
        if hind:
            bone = b.bone(body, complex(-0.15 * length, 0.5 * sign * width), sign * 130, 25)
            shape = _wing(hind_length, 0.8 * chord, True)
            part = b.part(bone, shape * (1, sign), _tint(b.wardrobe['hind_wing'], sign), z=-0.6,
                          relief=0.25)  # fmt: skip
            b.keypoint(f'{name}_hind_wing_tip', bone, 0.95 * hind_length, (part,), centre)
    return b.build(bend=0.02)


def _wing(length: float, chord: float, last: bool) -> np.ndarray:
    """Panel of a wing: leading edge along +x, feathers towards +y."""
    end = 0.25 * chord if last else 0.9 * chord
    return np.array(
        [(-0.05 * length, -0.03), (length, -0.03), (1.04 * length, 0.3 * end), (0.9 * length, end),
         (0.45 * length, chord), (-0.1 * length, 0.95 * chord)]
    )  # fmt: skip
