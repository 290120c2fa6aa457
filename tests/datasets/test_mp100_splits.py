"""The category lists of MP-100's splits."""

from __future__ import annotations

from collections import Counter

import pytest

from kpt_plugins.datasets.mp100_splits import (
    ALL_IDS,
    SUBSETS,
    get_category_ids,
    get_test_ids,
    get_train_ids,
    get_val_ids,
)


def test_test_sets_partition_the_categories():
    counts = Counter(i for split in range(1, 6) for i in get_test_ids(split))
    assert counts == Counter(range(1, 101))


@pytest.mark.parametrize('split', range(1, 6))
def test_subsets_partition_the_categories(split):
    subsets = [get_category_ids(split, subset) for subset in SUBSETS]
    assert [len(ids) for ids in subsets] == [70, 10, 20]
    assert sorted(i for ids in subsets for i in ids) == list(ALL_IDS)
    assert all(list(ids) == sorted(ids) for ids in subsets)


def test_known_members():
    assert 40 in get_test_ids(4) and 18 in get_test_ids(5)  # the two called "face"
    assert 18 in get_val_ids(4) and 2 in get_test_ids(1)
    assert 2 not in get_train_ids(1) and 1 in get_train_ids(1)


@pytest.mark.parametrize('split', [0, 6, '1'])
def test_no_such_split(split):
    with pytest.raises(ValueError, match='has the splits'):
        get_category_ids(split, 'train')


def test_no_such_subset():
    with pytest.raises(ValueError, match="'novel'"):
        get_category_ids(1, 'novel')
