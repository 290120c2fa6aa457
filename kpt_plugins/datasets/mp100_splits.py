"""The five splits of MP-100 by category id.

Source: the category lists of the benchmark's official annotation files (Xu et al., "Pose for
Everything: Towards Category-Agnostic Pose Estimation", ECCV 2022). The test sets of the five
splits partition the 100 categories; a split trains on what is neither in its validation nor in
its test set. Categories are known by id, never by name: two of them are called "face".
"""

from __future__ import annotations

ALL_IDS = tuple(range(1, 101))
SUBSETS = ('train', 'val', 'test')

# fmt: off
TEST_IDS = {
    1: (2, 3, 10, 14, 24, 29, 30, 33, 39, 42, 47, 53, 60, 68, 70, 73, 77, 78, 81, 84),
    2: (8, 17, 25, 28, 37, 43, 45, 48, 62, 67, 71, 76, 79, 82, 86, 89, 91, 97, 98, 99),
    3: (9, 11, 12, 16, 22, 31, 34, 44, 49, 52, 54, 63, 66, 69, 72, 85, 87, 90, 96, 100),
    4: (4, 7, 13, 15, 20, 23, 27, 35, 38, 40, 41, 50, 55, 65, 80, 83, 88, 92, 94, 95),
    5: (1, 5, 6, 18, 19, 21, 26, 32, 36, 46, 51, 56, 57, 58, 59, 61, 64, 74, 75, 93),
}
VAL_IDS = {
    1: (6, 12, 22, 35, 48, 66, 91, 92, 95, 96),
    2: (1, 11, 27, 36, 50, 53, 57, 78, 93, 95),
    3: (19, 21, 26, 30, 33, 39, 70, 82, 84, 91),
    4: (1, 6, 12, 18, 25, 26, 51, 56, 73, 100),
    5: (2, 9, 14, 17, 31, 41, 50, 52, 53, 77),
}
# fmt: on


def get_train_ids(split: int) -> tuple[int, ...]:
    """The 70 training categories of a split, in ascending order."""
    held_out = {*get_val_ids(split), *get_test_ids(split)}
    return tuple(i for i in ALL_IDS if i not in held_out)


def get_val_ids(split: int) -> tuple[int, ...]:
    """The 10 validation categories of a split, in ascending order."""
    return VAL_IDS[_check_split(split)]


def get_test_ids(split: int) -> tuple[int, ...]:
    """The 20 test (novel) categories of a split, in ascending order."""
    return TEST_IDS[_check_split(split)]


def get_category_ids(split: int, subset: str) -> tuple[int, ...]:
    """Category ids of one subset of one split.

    Args:
        split: 1 to 5.
        subset: 'train', 'val' or 'test'.

    Raises:
        ValueError: If there is no such split or subset.
    """
    getters = dict(train=get_train_ids, val=get_val_ids, test=get_test_ids)
    if subset not in getters:
        raise ValueError(f'subset {subset!r}: expected one of {SUBSETS}')
    return getters[subset](split)


def _check_split(split: int) -> int:
    if split not in TEST_IDS:
        raise ValueError(f'split {split!r}: MP-100 has the splits {sorted(TEST_IDS)}')
    return split
