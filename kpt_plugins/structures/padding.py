"""Keypoint padding: extra points on the skeleton links fill an episode up to a fixed size.

FMMP, sections 3.1 to 3.5: a :class:`PaddingPlan` is drawn once per episode, so that a slot means
the same place of the object in every image, and applied to each image's points.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class PaddedPoints(NamedTuple):
    """Padded keypoints of one image: points (K, 2), visible (K,) bool, links (E', 2)."""

    points: np.ndarray
    visible: np.ndarray
    links: np.ndarray


@dataclass(frozen=True)
class PaddingPlan:
    """Where the padded points of an episode lie.

    Attributes:
        links (np.ndarray): Skeleton links (E, 2) of the real keypoints, zero-based.
        edge (np.ndarray): The link (P,) on which each placed point lies, ascending.
        weight (np.ndarray): Share (P,) of the link's first keypoint, in [0, 1].
        keep (np.ndarray): Boolean (P,); a point that is not kept stays invisible.
        num_slots (int): Padded slots altogether; slots after the P placed points stay empty.
    """

    links: np.ndarray
    edge: np.ndarray
    weight: np.ndarray
    keep: np.ndarray
    num_slots: int

    def apply(self, points: np.ndarray, visible: np.ndarray) -> PaddedPoints:
        """Pad one image's keypoints.

        Args:
            points (np.ndarray): Real keypoints (K_c, 2), any unit.
            visible (np.ndarray): Boolean visibility (K_c,).

        Returns:
            PaddedPoints: ``K = K_c + num_slots`` points. A padded point is visible where both ends
            of its link are; the links of the visible ones are chained i - p1 - ... - pn - j.
        """
        num_real = len(points)
        size = num_real + self.num_slots
        out_points = np.zeros((size, 2), np.float32)
        out_visible = np.zeros(size, bool)
        out_points[:num_real], out_visible[:num_real] = points, visible
        placed = slice(num_real, num_real + len(self.edge))
        start, end = self.links[self.edge].T
        weight = self.weight[:, None].astype(np.float32)
        out_points[placed] = weight * points[start] + (1 - weight) * points[end]
        out_visible[placed] = visible[start] & visible[end] & self.keep
        return PaddedPoints(out_points, out_visible, self.chained_links(out_visible))

    def chained_links(self, visible: np.ndarray) -> np.ndarray:
        """The links, and then the chains i - p1 - ... - pn - j through visible padded points.

        Args:
            visible (np.ndarray): Boolean visibility (K,) of all keypoints, padded ones included.
        """
        num_real = len(visible) - self.num_slots
        shown = np.flatnonzero(visible[num_real : num_real + len(self.edge)])
        slot, edge = num_real + shown, self.edge[shown]
        if len(slot) == 0:
            return self.links
        first = np.ones(len(slot), bool)
        first[1:] = edge[1:] != edge[:-1]
        # a chain of n points has n + 1 links; they end at the points and then at j, and each begins
        # where the one before ended, the first of a chain at i
        place = np.arange(len(slot)) + np.cumsum(first) - 1
        starts = place[first]
        ends = np.append(starts[1:] - 1, place[-1] + 1)
        chains = np.empty((place[-1] + 2, 2), np.int64)
        chains[place, 1] = slot
        chains[ends, 1] = self.links[edge[first], 1]
        chains[1:, 0] = chains[:-1, 1]
        chains[starts, 0] = self.links[edge[first], 0]
        return np.concatenate([self.links, chains])


def zero_padding(links: np.ndarray, num_slots: int) -> PaddingPlan:
    """Empty slots only (section 3.4)."""
    nothing = np.zeros(0)
    return PaddingPlan(links, nothing.astype(np.int64), nothing, nothing.astype(bool), num_slots)


def mixup_padding(
    links: np.ndarray,
    num_slots: int,
    rng: np.random.Generator,
    alpha: float = 1.0,
    probability: float = 1.0,
    legacy_order: bool = False,
) -> PaddingPlan:
    """Random points on random links (section 3.1).

    Args:
        links (np.ndarray): Skeleton links (E, 2); a link drawn twice as often stands there twice.
        num_slots (int): Slots to fill.
        rng (np.random.Generator): The episode's random generator.
        alpha (float): Mixing weights follow Beta(alpha, alpha).
        probability (float): Chance that a padded point is kept.
        legacy_order (bool): Order the points of a link from its end to its start, as the released
            code does, while the chain still begins at its start (section 3.3).
    """
    if len(links) == 0 or num_slots == 0:
        return zero_padding(links, num_slots)
    edge = np.sort(rng.integers(len(links), size=num_slots))
    weight = rng.beta(alpha, alpha, size=num_slots)
    keep = rng.random(num_slots) < probability
    weight = weight[np.lexsort((weight if legacy_order else -weight, edge))]
    return PaddingPlan(links, edge, weight, keep, num_slots)


def equal_division_padding(
    links: np.ndarray, num_slots: int, legacy_order: bool = False
) -> PaddingPlan:
    """The same number of equally spaced points on every link, the rest empty (section 3.2)."""
    per_link = num_slots // len(links) if len(links) else 0
    if per_link == 0:
        return zero_padding(links, num_slots)
    edge = np.repeat(np.arange(len(links)), per_link)
    fraction = np.arange(1, per_link + 1) / (per_link + 1)
    weight = np.tile(fraction if legacy_order else fraction[::-1], len(links))
    return PaddingPlan(links, edge, weight, np.ones(len(edge), bool), num_slots)
