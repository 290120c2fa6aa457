"""Flat objects made of parts on a tree of bones: paper dolls with front and back limbs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .model import Annotator, Blueprint, Layer, Posed
from .shapes import capsule
from .sprites import Sprite, make_sprite
from .textures import Texture, Wardrobe

_SHADOW = 0.74  # brightness of the limbs on the far side of the body


@dataclass(frozen=True)
class Bone:
    """A frame whose x axis runs along the bone.

    Args:
        parent: Index of an earlier bone, -1 for the root.
        position: Where it starts in the parent's frame, x + iy.
        angle: Its direction at rest relative to the parent, radians, clockwise in the image.
        limit: Largest deviation from `angle`, radians.
        slide: How far it follows the object's gaze, in units. It moves the features of a face.
    """

    parent: int
    position: complex
    angle: float
    limit: float
    slide: float = 0.0


@dataclass(frozen=True)
class Part:
    """A sprite on a bone. `z` orders parts back to front; `side` is 1 for limbs that are in front
    of the body when it faces right, -1 for those behind it, 0 for all others."""

    bone: int
    sprite: Sprite
    z: float
    side: int


@dataclass(frozen=True)
class JointedModel:
    """Bones, the parts on them, and keypoints as (bone, position in its frame).

    Args:
        reversible: It may face left as well as right; then near and far limbs change places.
        bend: Largest amplitude of the smooth warp of the whole object, in units.
        stretch: Bones become up to this share longer or shorter.
    """

    bones: tuple[Bone, ...]
    parts: tuple[Part, ...]
    keypoints: tuple[tuple[int, complex], ...]
    reversible: bool = False
    bend: float = 0.02
    stretch: float = 0.12

    def pose(self, rng: np.random.Generator) -> Posed:
        """Draw joint angles, lengths and the facing."""
        count = len(self.bones)
        bends = rng.uniform(-1, 1, count)
        stretch = 1 + rng.uniform(-self.stretch, self.stretch, count)
        gaze = complex(*rng.uniform(-1, 1, 2))
        facing = -1 if self.reversible and rng.uniform() < 0.35 else 1
        return self._assemble(bends, stretch, gaze, facing)

    def rest(self) -> Posed:
        """The pose with every joint in the middle of its range."""
        count = len(self.bones)
        return self._assemble(np.zeros(count), np.ones(count), 0j, 1)

    def _assemble(self, bends, stretch, gaze: complex, facing: int) -> Posed:
        frames = []
        for i, bone in enumerate(self.bones):
            turn = _polar(bone.angle + bone.limit * bends[i])
            if bone.parent < 0:
                frames.append((bone.position, turn))
                continue
            origin, axis = frames[bone.parent]
            local = complex(bone.position.real * stretch[bone.parent], bone.position.imag)
            frames.append((origin + axis * local + gaze * bone.slide, axis * turn))

        layers = []
        for i, part in enumerate(self.parts):
            origin, axis = frames[part.bone]
            s = stretch[part.bone]
            matrix = np.array(
                [
                    [facing * axis.real * s, -facing * axis.imag, facing * origin.real],
                    [axis.imag * s, axis.real, origin.imag],
                ]
            )
            gain = _SHADOW if part.side * facing < 0 else 1.0
            layers.append(
                (10 * facing * part.side + part.z, Layer(part.sprite, matrix, i + 1, gain))
            )
        layers.sort(key=lambda item: item[0])

        points = np.empty((len(self.keypoints), 2))
        for k, (bone, local) in enumerate(self.keypoints):
            origin, axis = frames[bone]
            point = origin + axis * complex(local.real * stretch[bone], local.imag)
            points[k] = facing * point.real, point.imag
        return Posed([layer for _, layer in layers], points)


class JointedBuilder:
    """Describes a jointed object in any units; `build` scales it to an extent of 1 at rest.

    Args:
        rng: The category's random numbers.
        resolution: Pixels per unit of the finished sprites.
    """

    def __init__(self, rng: np.random.Generator, resolution: float):
        self.rng = rng
        self.wardrobe = Wardrobe(rng)
        self.annotator = Annotator()
        self._resolution = resolution
        self._bones: list[Bone] = []
        self._parts: list[tuple[int, np.ndarray, Texture, float, int, float]] = []
        self._keypoints: list[tuple[int, complex]] = []

    def bone(
        self, parent: int, position: complex, angle: float, limit: float = 0, slide=0.0
    ) -> int:
        """Add a bone; `angle` and `limit` in degrees. Returns its index."""
        assert parent < len(self._bones) and limit <= 35
        self._bones.append(
            Bone(parent, complex(position), math.radians(angle), math.radians(limit), slide)
        )
        return len(self._bones) - 1

    def part(self, bone, polygon, texture, z=0.0, side=0, relief=0.45) -> int:
        """Put a polygon (N, 2), in the bone's frame, on a bone. Returns the part id."""
        if isinstance(texture, str):
            texture = self.wardrobe[texture]
        self._parts.append((bone, np.asarray(polygon, np.float64), texture, z, side, relief))
        return len(self._parts)

    def keypoint(self, name, bone, position, owners, link=None) -> int:
        """Add a keypoint at `position` (x + iy) of the bone's frame; returns its index."""
        self._keypoints.append((bone, complex(position)))
        return self.annotator.add(name, owners, link)

    def link(self, i: int, j: int) -> None:
        """Add a skeleton link between two keypoints."""
        self.annotator.skeleton.append((i, j))

    def limb(
        self,
        names: list[str | None],
        parent: int,
        position: complex,
        angle: float | list[float],
        lengths,
        widths,
        textures,
        limits,
        z: float = 0.0,
        side: int = 0,
        link: int | None = None,
        root_owners=(),
        fold: float = 0.0,
        bulge: float = 0.0,
        root_inset: float = 0.0,
    ) -> tuple[int, int, int]:
        """Add a chain of capsules with a keypoint at each joint and at the tip.

        Args:
            names: One for the root, each joint, and the tip; None leaves a keypoint out.
            parent, position: Bone and place where the limb starts.
            angle: Direction of the first segment, or of all, relative to their parents, degrees.
            lengths, widths: n segment lengths, n + 1 half widths.
            textures, limits: n each.
            z, side: See `Part`.
            link: Keypoint that the first keypoint of the limb is linked to.
            root_owners: Parts besides the first segment on which the root may be seen.
            fold: Added to z for each further segment, so that one joint side lies on top.
            root_inset: Share of the first segment by which the root keypoint moves along it.

        Returns:
            (last bone, last part, last keypoint).
        """
        count = len(lengths)
        angles = angle if isinstance(angle, list) else [angle] + [0.0] * (count - 1)
        bone, part, owners = parent, None, tuple(root_owners)
        for i in range(count):
            bone = self.bone(bone, position, angles[i], limits[i])
            shape = capsule(lengths[i], widths[i], widths[i + 1], bulge * lengths[i])
            previous = part
            part = self.part(bone, shape, textures[i], z + fold * i, side)
            if names[i] is not None:
                inset = root_inset * lengths[0] if i == 0 else 0.0
                on = owners + (part,) if previous is None else (previous, part)
                link = self.keypoint(names[i], bone, inset, on, link)
            position = complex(lengths[i], 0)
        if names[count] is not None:
            link = self.keypoint(names[count], bone, position, (part,), link)
        return bone, part, link

    def own(self, keypoint: int, part: int) -> None:
        """A keypoint is also seen on another part, e.g. the foot that covers the end of a leg."""
        owners = self.annotator.owners
        owners[keypoint] = owners[keypoint] | {part}

    def build(self, reversible=False, bend=0.02, stretch=0.12) -> Blueprint:
        """Scale to unit extent, centre, cut the sprites."""
        frames: list[tuple[complex, complex]] = []
        for bone in self._bones:
            origin, axis = (0j, 1 + 0j) if bone.parent < 0 else frames[bone.parent]
            frames.append((origin + axis * bone.position, axis * _polar(bone.angle)))
        outline = np.concatenate(
            [
                frames[bone][0] + frames[bone][1] * (polygon[:, 0] + 1j * polygon[:, 1])
                for bone, polygon, *_ in self._parts
            ]
        )
        scale = 1 / max(np.ptp(outline.real), np.ptp(outline.imag))

        bones = tuple(
            Bone(b.parent, b.position * scale, b.angle, b.limit, b.slide * scale)
            for b in self._bones
        )
        cache: dict = {}
        parts = []
        for bone, polygon, texture, z, side, relief in self._parts:
            key = (id(texture), polygon.tobytes(), relief)
            if key not in cache:  # left and right limbs share their sprites
                cache[key] = make_sprite(polygon * scale, texture, self._resolution, relief)
            parts.append(Part(bone, cache[key], z, side))
        keypoints = tuple((bone, position * scale) for bone, position in self._keypoints)
        model = JointedModel(bones, tuple(parts), keypoints, reversible, bend, stretch)
        return self.annotator.blueprint(model)


def _polar(angle: float) -> complex:
    return complex(math.cos(angle), math.sin(angle))
