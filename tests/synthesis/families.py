"""Members of a family, and their keypoints at rest by name, for the tests of the families."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kpt_plugins.synthesis.model import Blueprint


def members(
    family: Callable[[np.random.Generator, float], Blueprint], count: int = 12
) -> list[Blueprint]:
    """Different categories of a family, with coarse sprites."""
    return [family(np.random.default_rng([7, seed]), 24.0) for seed in range(count)]


def at_rest(blueprint: Blueprint) -> dict[str, np.ndarray]:
    """Keypoints (x right, y down) of a jointed object with every joint in the middle."""
    points = blueprint.model.rest().points
    return dict(zip(blueprint.names, points, strict=True))


def in_space(blueprint: Blueprint) -> dict[str, np.ndarray]:
    """Keypoints (x, y, z) of a rigid object."""
    return dict(zip(blueprint.names, blueprint.model.points, strict=True))


def assert_mirrored(blueprint: Blueprint, points: dict[str, np.ndarray], axis: int) -> None:
    """Left and right keypoints are mirror images along an axis; the others lie in the middle."""
    flip = np.ones(len(next(iter(points.values()))))
    flip[axis] = -1
    middle = next(p[axis] for n, p in points.items() if not n.startswith(('left_', 'right_')))
    pairs = [(blueprint.names[i], blueprint.names[j]) for i, j in blueprint.flip_pairs]
    assert pairs
    for left, right in pairs:
        shift = np.where(flip < 0, 2 * middle, 0)
        np.testing.assert_allclose(points[left], points[right] * flip + shift, atol=1e-9)
