"""split_images: disjoint, complete, as large as asked, and from the ids alone."""

from __future__ import annotations

import hashlib

import pytest

from kpt_plugins.datasets.image_split import split_images


@pytest.mark.parametrize('shares', [[1, 1, 1], [5, 1, 2], [0.7, 0.2, 0.1]])
def test_parts_are_disjoint_complete_and_as_large_as_asked(shares):
    ids = list(range(1000, 1103))
    parts = split_images(ids, shares, seed=3)
    assert sorted(i for part in parts for i in part) == ids
    for part, share in zip(parts, shares, strict=True):
        assert abs(len(part) - 103 * share / sum(shares)) <= 1


def test_order_is_the_hash_and_nothing_else():
    ids = [5, 1, 9, 1, 7, 3]
    parts = split_images(ids, [1, 1], seed=4)
    by_hash = sorted({*ids}, key=lambda i: hashlib.sha256(b'4:%d' % i).hexdigest())
    assert parts[0] + parts[1] == by_hash
    assert split_images(ids[::-1] * 2, [1, 1], seed=4) == parts
    assert split_images(ids, [1, 1], seed=5) != parts


def test_ids_of_any_size_and_kind():
    ids = [2**60, 'a/b.jpg', 3]
    assert sorted(map(str, sum(split_images(ids, [1, 1, 1], 0), []))) == sorted(map(str, ids))


def test_fewer_images_than_parts():
    assert split_images([1, 2, 3], [9, 1], seed=0)[1] == []
    assert sorted(map(len, split_images([1], [1, 1, 1], seed=0))) == [0, 0, 1]
    assert split_images([], [1, 1], seed=0) == [[], []]
