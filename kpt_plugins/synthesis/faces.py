"""Frontal faces of animals: a closed outline with features that slide and open."""

from __future__ import annotations

import numpy as np

from .jointed import JointedBuilder
from .model import Blueprint
from .shapes import capsule, ellipse, mirrored, panel, petal, smooth_closed
from .textures import sided


def face(rng: np.random.Generator, resolution: float) -> Blueprint:
    """Frontal face of an animal; a gaze slides the features over the head, the mouth opens."""
    b = JointedBuilder(rng, resolution)
    top, cheek, chin = rng.uniform(0.36, 0.5), rng.uniform(0.32, 0.48), rng.uniform(0.4, 0.6)
    skull = b.bone(-1, 0, 90)  # x runs down, +y is the image's left: the animal's right
    half = [
        (-top, 0.35 * cheek),
        (-0.5 * top, 0.85 * cheek),
        (0.2 * chin, cheek),
        (0.7 * chin, 0.7 * cheek),
        (chin, 0.3 * cheek),
    ]
    head = b.part(skull, smooth_closed(mirrored(half)), 'fur', relief=0.35)

    gaze = rng.uniform(0.04, 0.07)
    mask = b.bone(skull, 0, 0, 0, gaze)
    muzzle_bone = b.bone(skull, complex(0.42 * chin, 0), 0, 0, 1.5 * gaze)
    size = rng.uniform(0.4, 0.6) * cheek
    muzzle = b.part(
        muzzle_bone, ellipse((0, 0), (0.75 * size, size), rng.uniform(2, 3)), 'muzzle', z=0.1
    )
    blaze = smooth_closed(mirrored([(-0.9 * top, 0.02), (-0.4 * top, 0.09), (0.1, 0.05)]))
    blaze = b.part(mask, blaze, 'blaze', z=0.05)
    nose_size = rng.uniform(0.06, 0.11)
    nose_at = -0.5 * size
    nose = panel(nose_at - nose_size, nose_at + nose_size, 1.3 * nose_size, 0.2 * nose_size)
    nose = b.part(muzzle_bone, nose, 'nose', z=0.3)
    jaw = b.bone(muzzle_bone, complex(0.35 * size, 0), 0, 0, 0.4 * gaze)
    mouth_width = 0.6 * size
    mouth = mirrored([(0.03, 0), (-0.03, mouth_width), (0.11, 0.5 * mouth_width)])
    mouth = b.part(jaw, smooth_closed(mouth), 'mouth', z=0.3)

    brow = b.keypoint('forehead', mask, -0.4 * top, (blaze, head))
    tip = b.keypoint('nose_tip', muzzle_bone, nose_at + 0.6 * nose_size, (nose, muzzle), brow)
    lip = b.keypoint('upper_lip', jaw, 0.03, (mouth, muzzle), tip)
    b.keypoint('lower_lip', jaw, 0.105, (mouth, muzzle), lip)
    b.keypoint('chin', skull, 0.97 * chin, (head, muzzle), lip)

    ear_length, ear_width = rng.uniform(0.15, 0.5), rng.uniform(0.09, 0.17)
    ear_angle = rng.uniform(15, 80)
    floppy = rng.uniform() < 0.3
    spacing, eye_size = rng.uniform(0.44, 0.58), rng.uniform(0.08, 0.12)
    nose_top = 0.42 * chin + nose_at - nose_size  # the eyes lie above it, or it would hide them
    eye_height = min(rng.uniform(-0.15, 0.05), nose_top - 0.7 * eye_size)
    marks, horn_length = rng.uniform() < 0.4, rng.uniform(0.15, 0.4)
    horns = rng.uniform() < 0.35
    dark = b.wardrobe['pupil'].tinted(0.4)
    for name, sign in (('right', 1), ('left', -1)):
        at = complex(eye_height, sign * spacing * cheek)
        eye = b.part(mask, ellipse((at.real, at.imag), (0.7 * eye_size, eye_size)), 'sclera', z=0.2)
        round_ = ellipse((at.real, at.imag), (0.5 * eye_size, 0.45 * eye_size))
        pupil = b.part(mask, round_, dark, z=0.25, relief=0.1)
        out = 0.85j * sign * eye_size
        inner = b.keypoint(f'{name}_eye_inner', mask, at - out, (eye, pupil), brow)
        pupil_point = b.keypoint(f'{name}_pupil', mask, at, (pupil,), inner)
        outer = b.keypoint(f'{name}_eye_outer', mask, at + out, (eye,), pupil_point)
        side = complex(-0.015, 0.9 * sign * mouth_width)
        corner = b.keypoint(f'{name}_mouth_corner', jaw, side, (mouth, muzzle), lip)
        side = complex(nose_at - 0.75 * nose_size, sign * nose_size)
        b.keypoint(f'{name}_nostril', muzzle_bone, side, (nose,), tip)
        if marks:
            spot = complex(0.3 * chin, sign * 0.78 * cheek)
            mark = b.part(skull, ellipse((spot.real, spot.imag), (0.06, 0.06)), 'mark', z=0.15)
            b.keypoint(f'{name}_cheek', skull, spot, (mark,), corner)
        angle = 180 - sign * (ear_angle + (70 if floppy else 0))
        ear = b.bone(skull, complex(-0.62 * top, sign * 0.72 * cheek), angle, 25)
        shape = petal(ear_length, ear_width, 0.1)
        ear_part = b.part(ear, shape, sided(b.wardrobe['ear'], sign), z=0.12 if floppy else -0.1)
        base = b.keypoint(f'{name}_ear_base', ear, 0.06, (ear_part, head), outer)
        b.keypoint(f'{name}_ear_tip', ear, 0.88 * ear_length, (ear_part,), base)
        if horns:
            horn = b.bone(skull, complex(-0.85 * top, sign * 0.3 * cheek), 180 - sign * 12, 6)
            horn_part = b.part(horn, capsule(horn_length, 0.06, 0.02), 'horn', z=-0.05)
            b.keypoint(f'{name}_horn_tip', horn, 0.97 * horn_length, (horn_part,), brow)
    return b.build(bend=0.05, stretch=0.1)
