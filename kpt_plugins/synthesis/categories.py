"""The procedural categories: a family, and what (seed, index) make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import animals, faces, furniture, garments, outlines, people, vehicles
from .model import Blueprint

# Jointed bodies, closed outlines and rigid objects take turns, so that any run of consecutive
# categories has its share of each; twelve novel categories are one of every family.
FAMILIES: dict[str, Callable[[np.random.Generator, float], Blueprint]] = {
    'quadruped': animals.quadruped,
    'leaf': outlines.leaf,
    'vehicle': vehicles.vehicle,
    'insect': animals.insect,
    'garment': garments.garment,
    'biped': people.biped,
    'seat': furniture.seat,
    'face': faces.face,
    'hand': people.hand,
    'fish': outlines.fish,
    'cabinet': furniture.cabinet,
    'flyer': animals.flyer,
}
KINDS = {
    'jointed': ('quadruped', 'insect', 'biped', 'hand', 'flyer'),
    'outline': ('leaf', 'garment', 'face', 'fish'),
    'rigid': ('vehicle', 'seat', 'cabinet'),
}
MIN_KEYPOINTS, MAX_KEYPOINTS = 8, 40


@dataclass(frozen=True)
class SyntheticCategory:
    """A category.

    Args:
        seed, index: What it was made from; `index` counts over all splits.
        size: Image size in pixels that its sprites were made for.
        name: 'FAMILY_NN', e.g. 'insect_03'; also the folder of its images.
        family: Key of `FAMILIES`, the supercategory.
        blueprint: Geometry and meaning of the keypoints.
    """

    seed: int
    index: int
    size: int
    name: str
    family: str
    blueprint: Blueprint

    @property
    def num_keypoints(self) -> int:
        """Number of keypoints, 8 to 40."""
        return len(self.blueprint.names)

    def record(self) -> dict:
        """The category's entry in an annotation file; ids count from 1, links from 0."""
        return dict(
            id=self.index + 1,
            name=self.name,
            supercategory=self.family,
            keypoints=list(self.blueprint.names),
            skeleton=[list(link) for link in self.blueprint.skeleton],
            flip_pairs=[list(pair) for pair in self.blueprint.flip_pairs],
        )


@lru_cache(maxsize=256)
def build_category(seed: int, index: int, size: int = 192) -> SyntheticCategory:
    """Make category `index`, which depends on nothing but the arguments."""
    families = list(FAMILIES)
    family = families[index % len(families)]
    for attempt in range(100):
        rng = np.random.default_rng([seed, index, attempt])
        blueprint = FAMILIES[family](rng, float(size))
        if MIN_KEYPOINTS <= len(blueprint.names) <= MAX_KEYPOINTS:
            break
    else:
        raise AssertionError(f'{family} gives no {MIN_KEYPOINTS} to {MAX_KEYPOINTS} keypoints')
    name = f'{family}_{index // len(families):02d}'
    return SyntheticCategory(seed, index, size, name, family, blueprint)
