"""Structural reference keypoints: who looks where along the skeleton (FMMP, section 2.5)."""

import numpy as np


def _ordered_neighbours(links: np.ndarray, num_keypoints: int) -> np.ndarray:
    """Neighbour table (K, D) in the order of the links, -1 where there is none."""
    links = links[links[:, 0] != links[:, 1]]
    source = links.reshape(-1)
    target = links[:, ::-1].reshape(-1)
    _, first = np.unique(source * num_keypoints + target, return_index=True)
    first.sort()
    source, target = source[first], target[first]
    order = np.argsort(source, kind='stable')
    source, target = source[order], target[order]
    degree = np.bincount(source, minlength=num_keypoints)
    start = np.cumsum(degree) - degree
    table = np.full((num_keypoints, max(1, degree.max())), -1, np.int64)
    table[source, np.arange(len(source)) - start[source]] = target
    return table


def structural_references(
    links: np.ndarray, visible: np.ndarray, num_references: int = 8
) -> np.ndarray:
    """The nearest keypoints along the skeleton of every keypoint, itself first.

    Breadth-first search from keypoint ``k`` over ``links``; the first ``num_references`` visited
    keypoints, filled up with ``k``. An invisible keypoint is listed as a neighbour but the search
    does not go through it, and an invisible ``k`` has only itself. Neighbours come in the order of
    the links. The searches of all keypoints advance together, one queue position at a time.

    Args:
        links (np.ndarray): Zero-based skeleton links (E, 2), possibly empty.
        visible (np.ndarray): Boolean visibility (K,).
        num_references (int): Length of each list, the keypoint itself included.

    Returns:
        np.ndarray: Keypoint indices (K, num_references), int64.
    """
    num_keypoints = len(visible)
    rows = np.arange(num_keypoints)
    queue = np.repeat(rows[:, None], num_references, axis=1)
    links = np.asarray(links, np.int64).reshape(-1, 2)
    if len(links) == 0 or num_references == 1:
        return queue
    table = _ordered_neighbours(links, num_keypoints)
    table[~np.asarray(visible, bool)] = -1

    length = np.ones(num_keypoints, np.int64)
    seen = np.eye(num_keypoints, num_keypoints + 1, dtype=bool)
    seen[:, -1] = True  # the column that index -1 (no neighbour) falls on
    rows = rows[:, None]
    for position in range(num_references - 1):
        active = length > position
        if not active.any():
            break
        candidates = table[queue[:, position]]
        fresh = ~seen[rows, candidates] & active[:, None]
        slots = length[:, None] + np.cumsum(fresh, axis=1) - 1
        fresh &= slots < num_references
        row, column = np.nonzero(fresh)
        found = candidates[row, column]
        queue[row, slots[row, column]] = found
        seen[row, found] = True
        length += fresh.sum(axis=1)
        if length.min() == num_references:
            break
    return queue
