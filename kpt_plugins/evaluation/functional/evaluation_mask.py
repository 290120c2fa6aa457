"""Which keypoints of an evaluation pair are scored."""

from __future__ import annotations

import numpy as np

GIVEN_RULES = ('any', 'all')


def evaluation_mask(
    query_visible: np.ndarray, given_count: np.ndarray, num_shots: int, given: str = 'any'
) -> np.ndarray:
    """Keypoints that are visible in the query and given by the supports.

    Args:
        query_visible: ``bool array (K,)``.
        given_count: ``int array (K,)``, the number of supports that show each keypoint.
        num_shots: S, the number of supports.
        given: ``'any'``, a keypoint is given if at least one support shows it; ``'all'``, only if
            every support does, which is the rule of the MP-100 literature. They differ only for
            several shots.

    Returns:
        ``bool array (K,)``.

    Raises:
        ValueError: for another rule, unequal lengths or a count outside ``[0, S]``.
    """
    if given not in GIVEN_RULES:
        raise ValueError(f"given must be one of {GIVEN_RULES}, got '{given}'")
    query_visible = np.asarray(query_visible, dtype=bool)
    given_count = np.asarray(given_count)
    if query_visible.shape != given_count.shape or query_visible.ndim != 1:
        raise ValueError(
            'visibility of query and supports must have one entry a keypoint, got '
            f'{query_visible.shape} and {given_count.shape}'
        )
    if num_shots < 1 or (given_count < 0).any() or (given_count > num_shots).any():
        raise ValueError(f'support counts {given_count.tolist()} do not fit {num_shots} shots')
    return query_visible & (given_count >= (1 if given == 'any' else num_shots))
