"""Jointed animals: quadrupeds from the side, insects and flyers from above.

Each function draws the topology (limb counts, segment counts), proportions and textures of one
category. Lengths are relative; the builder scales the result.
"""

from __future__ import annotations

import numpy as np

from .jointed import JointedBuilder
from .model import Blueprint
from .shapes import capsule, ellipse, petal, smooth_closed
from .textures import sided

# In a view from above, heading up, y of the body axis' frame points to the body's right.
_SIDES = (('left', -1), ('right', 1))


def quadruped(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Side view, heading right or left; far limbs lie behind the body."""
    b = JointedBuilder(rng, resolution)
    girth = rng.uniform(0.17, 0.3)
    spine = b.bone(-1, 0, 0)
    rump, belly, chest = girth * rng.uniform(0.8, 1.15, 3)
    hump = rng.uniform(-0.03, 0.12)
    outline = smooth_closed(
        [
            (-0.13, 0.0),
            (0.0, -0.8 * rump),
            (0.35, -0.75 * girth),
            (0.65, -girth * 0.8 - hump),
            (0.98, -0.75 * chest),
            (1.12, 0.0),
            (0.95, 0.9 * chest),
            (0.5, 0.8 * belly),
            (0.05, 0.85 * rump),
        ]
    )
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
        names,
        spine,
        complex(-0.05, -0.5 * rump),
        rng.uniform(120, 215),
        [rng.uniform(0.45, 0.9) / tail_segments] * tail_segments,
        np.linspace(tail_width, tail_width * rng.uniform(0.5, 1.6), tail_segments + 1),
        ['tail'] * (tail_segments - 1) + ['tail_tip'],
        [30] * tail_segments,
        z=-0.5,
        link=tail_root,
    )

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
                [*limb_names, f'{name}_{row}_foot'],
                spine,
                complex(x + shift, 0.35 * girth),
                angles,
                lengths,
                widths,
                [f'{row}_thigh'] + [shin] * (segments - 1),
                [30, 25, 25][:segments],
                z=0.5,
                side=side,
                link=withers if row == 'front' else tail_root,
                fold=-0.05,
                bulge=0.03,
                root_inset=0.3 if side > 0 else 0.62,
            )
            size = widths[-1] * 1.5
            foot = b.part(
                bone,
                ellipse((lengths[-1], -0.4 * size), (size, 1.3 * size), 3),
                'foot',
                z=0.6,
                side=side,
            )
            b.own(tip, foot)
    return b.build(reversible=True, bend=0.03)


def _animal_head(b: JointedBuilder, neck: int, at: float, thick: float, link: int, neck_part: int):
    rng = b.rng
    snout, skull = rng.uniform(0.2, 0.42), thick * rng.uniform(1.1, 1.6)
    head = b.bone(neck, at, rng.uniform(45, 75), 25)
    shape = smooth_closed(
        [
            (-skull, 0.1 * skull),
            (-0.4 * skull, -skull),
            (0.7 * skull, -0.8 * skull),
            (snout, -0.35 * skull),
            (snout + 0.06, 0.15 * skull),
            (snout, 0.55 * skull),
            (0.4 * skull, 0.85 * skull),
            (-0.6 * skull, 0.9 * skull),
        ]
    )
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
        ear_shape = petal(ear_length, ear_width, 0.04)
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
        head,
        ellipse((0.8 * head_size, 0), (head_size, head_size * rng.uniform(0.8, 1.3))),
        'head',
        z=0.2,
    )
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
                [None, f'{name}_antenna_mid', f'{name}_antenna_tip'],
                head,
                complex(1.4 * head_size, 0.4 * sign * head_size),
                [sign * antenna_angle, sign * 25.0],
                [antenna_length / 2] * 2,
                [0.028, 0.024, 0.032],
                ['antenna', 'antenna_tip'],
                [20, 30],
                z=0.1,
                link=front,
            )

    waist = b.keypoint('waist', body, -0.9 * half, (thorax,), neck)
    count = int(rng.integers(1, 4))
    total, thick = rng.uniform(0.35, 0.75), rng.uniform(0.1, 0.2)
    tail, offset, link = body, complex(-half, 0), waist
    for i in range(count):
        step = total / count
        taper = thick * (1 - 0.25 * i)
        tail = b.bone(tail, offset, 180.0 if i == 0 else 0.0, 14)
        part = b.part(
            tail,
            ellipse((0.5 * step, 0), (0.62 * step, taper), 2.5),
            f'abdomen_{i % 2}',
            z=-0.1 * (i + 1),
        )
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
                [f'{name}_leg{row + 1}_hip', *joints, f'{name}_leg{row + 1}_foot'],
                body,
                complex(x, 0.75 * sign * width),
                [sign * fan[row]] + [sign * knee] * (segments - 1),
                lengths,
                widths,
                [sided(thigh, sign), *[sided(shin, sign)] * (segments - 1)],
                [28, 35, 35][:segments],
                z=-0.5,
                link=neck if row < pairs / 2 else waist,
                root_inset=0.3,
                fold=0.02,
            )
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
        head,
        [(size, -0.5 * size), (1.7 * size + beak_length, 0), (size, 0.5 * size)],
        'beak',
        z=0.3,
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
        part = b.part(feather, shape, sided(b.wardrobe['tail'], sign), z=0.05)
        b.keypoint(f'{name}_tail_tip', feather, tail_length, (part,), tail_root)

    if rng.uniform() < 0.4:
        part = b.part(tail, capsule(1.15 * tail_length, 0.04, 0.06), 'tail_middle', z=0.1)
        b.keypoint('tail_middle_tip', tail, 1.15 * tail_length, (part,), tail_root)
    if rng.uniform() < 0.4:
        crest_length = rng.uniform(0.12, 0.2)
        crest = b.bone(head, 0.3 * size, 180, 30)
        part = b.part(crest, capsule(crest_length, 0.03, 0.05), 'crest', z=0.6)
        b.own(nape, part)
        b.keypoint('crest_tip', crest, crest_length, (part,), nape)

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
            shape = _wing(lengths[i], chord * (1 - 0.2 * i), i == segments - 1, sign)
            texture = sided(b.wardrobe[f'wing_{i}'], sign)
            part = b.part(bone, shape, texture, z=-0.1 - 0.1 * i, relief=0.25)
            joint = ('shoulder', 'elbow', 'wrist')[i]
            link = b.keypoint(
                f'{name}_{joint}',
                bone,
                0.12 * lengths[i] if i == 0 else 0.0,
                (previous, part),
                link,
            )
            if i == segments - 1:
                b.keypoint(f'{name}_wing_tip', bone, 0.95 * lengths[i], (part,), link)
            else:
                rear = complex(0.85 * lengths[i], sign * 0.82 * chord * (1 - 0.2 * i))
                b.keypoint(f'{name}_{joint}_trailing_edge', bone, rear, (part,), link)
            previous, position = part, complex(lengths[i], 0)
        if hind:
            bone = b.bone(body, complex(-0.15 * length, 0.5 * sign * width), sign * 130, 25)
            shape = _wing(hind_length, 0.8 * chord, True, sign)
            part = b.part(bone, shape, sided(b.wardrobe['hind_wing'], sign), z=-0.6, relief=0.25)
            b.keypoint(f'{name}_hind_wing_tip', bone, 0.95 * hind_length, (part,), centre)
    return b.build(bend=0.02)


def _wing(length: float, chord: float, last: bool, sign: int) -> np.ndarray:
    """Panel of a wing: leading edge along +x, feathers towards sign * y."""
    end = 0.25 * chord if last else 0.9 * chord
    shape = [
        (-0.05 * length, -0.03),
        (length, -0.03),
        (1.04 * length, 0.3 * end),
        (0.9 * length, end),
        (0.45 * length, chord),
        (-0.1 * length, 0.95 * chord),
    ]
    return np.array(shape) * (1, sign)
