"""Structural reference keypoints: who looks where along the skeleton (FMMP, section 2.5)."""

import numpy as np


def _ordered_neighbours(links: np.ndarray, num_keypoints: int) -> np.ndarray:
    """Neighbour table (K + 1, D) in the order of the links, K where there is none."""
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
    table = np.full((num_keypoints + 1, max(1, degree.max())), num_keypoints, np.int64)
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
    size = len(visible)
    rows = np.arange(size)
    links = np.asarray(links, np.int64).reshape(-1, 2)
    if len(links) == 0:
        return np.repeat(rows[:, None], num_references, axis=1)
    table = _ordered_neighbours(links, size)
    table[:size][~np.asarray(visible, bool)] = size

    # Number K stands for no keypoint: it has no neighbours and has always been seen. Everything is
    # indexed flat, which takes numpy half the time.
    width = 1 + (num_references - 1) * table.shape[1]
    queue = np.full(size * width, size)
    seen = np.zeros(size * (size + 1), bool)
    seen[size :: size + 1] = True
    last = rows[:, None] * width  # where each queue ends
    queue[last] = rows[:, None]
    seen[rows * (size + 2)] = True
    for position in range(num_references - 1):
        found = table.take(queue[position::width], axis=0) + rows[:, None] * (size + 1)
        fresh = ~seen.take(found)
        place = last + fresh.cumsum(axis=1)
        last = place[:, -1:]
        found = found[fresh]
        seen[found] = True
        queue[place[fresh]] = found % (size + 1)
    queue = queue.reshape(size, width)[:, :num_references]
    return np.where(queue == size, rows[:, None], queue)
