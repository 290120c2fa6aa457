"""What every kind of object gives to the renderer, and the record of a category."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from .sprites import Sprite


@dataclass(frozen=True)
class Layer:
    """One part in place.

    Args:
        sprite: Its picture.
        matrix: float (2, 3), from the part's frame to the scene.
        part: Id in 1..254 written into the part mask.
        gain: Brightness factor, e.g. of limbs in the body's shadow or of a face turned away.
        plane: (3,) or None. Nearness of a scene point is plane @ (x, y, 1); parts with a plane
            hide each other by nearness per pixel, the others by their order in the list.
    """

    sprite: Sprite
    matrix: np.ndarray
    part: int
    gain: float = 1.0
    plane: np.ndarray | None = None


@dataclass(frozen=True)
class Posed:
    """An object in one pose, in scene units (x right, y down).

    Args:
        layers: Its parts, back to front.
        points: Keypoints, float (K, 2).
    """

    layers: list[Layer]
    points: np.ndarray


class Model(Protocol):
    """A kind of object that can be posed."""

    bend: float

    def pose(self, rng: np.random.Generator) -> Posed:
        """Draw a pose."""
        ...


@dataclass(frozen=True)
class Blueprint:
    """An object without its category's name: geometry and the meaning of its keypoints.

    Args:
        model: Poses the object.
        names: K keypoint names.
        owners: For each keypoint the ids of the parts it is on. It is seen where one of them is.
        skeleton: Zero-based links (i, j), connecting all keypoints.
        flip_pairs: Zero-based (left, right) pairs.
    """

    model: Model
    names: tuple[str, ...]
    owners: tuple[frozenset[int], ...]
    skeleton: tuple[tuple[int, int], ...]
    flip_pairs: tuple[tuple[int, int], ...] = ()


@dataclass
class Annotator:
    """Collects keypoints, links and left/right pairs while an object is being built."""

    names: list[str] = field(default_factory=list)
    owners: list[frozenset[int]] = field(default_factory=list)
    skeleton: list[tuple[int, int]] = field(default_factory=list)

    def add(self, name: str, owners, link: int | None = None) -> int:
        """Register a keypoint, linked to the earlier keypoint `link`; returns its index."""
        assert name not in self.names, name
        self.names.append(name)
        self.owners.append(frozenset(owners))
        index = len(self.names) - 1
        if link is not None:
            self.skeleton.append((link, index))
        return index

    def flip_pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of names that differ in left_ / right_ only."""
        position = {name: i for i, name in enumerate(self.names)}
        return tuple(
            (i, position['right_' + name[5:]])
            for i, name in enumerate(self.names)
            if name.startswith('left_') and 'right_' + name[5:] in position
        )

    def blueprint(self, model: Model) -> Blueprint:
        """Close the record."""
        return Blueprint(
            model, tuple(self.names), tuple(self.owners), tuple(self.skeleton), self.flip_pairs()
        )
