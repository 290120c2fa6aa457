"""Skeleton helpers against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kpt_plugins.structures.skeleton import (
    detect_base,
    minimum_spanning_tree,
    nearest_neighbour_links,
    normalize_links,
)


@pytest.mark.parametrize(
    'links, count, base',
    [
        ([[0, 1], [1, 2]], 4, 0),
        ([[1, 2], [3, 4]], 4, 1),
        ([[1, 2], [2, 3]], 4, None),
        ([], 4, None),
        (None, 4, None),
    ],
)
def test_detect_base(links, count, base):
    assert detect_base(links, count) == base


@pytest.mark.parametrize(
    'links, message',
    [
        ([[0, 4]], 'both index 0 and index 4'),
        ([[1, 5]], 'index 5 is out of range'),
        ([[-1, 2]], 'index -1 is out of range'),
        ([[1, 2, 3]], 'expected a list of'),
        ([[1, 2], [3]], 'expected a list of'),
        ([['a', 'b']], 'expected a list of'),
        ([[0.5, 1]], 'expected a list of'),
        ([1, 2], 'expected a list of'),
        (False, 'expected a list of'),
        (7, 'expected a list of'),
        ([[float('nan'), 1]], 'expected a list of'),
    ],
)
def test_impossible_links(links, message):
    with pytest.raises(ValueError, match=message):
        normalize_links(links, 4)


def test_normalize_keeps_order_and_drops_repetition():
    links = [[4, 3], [1, 2], [2, 2], [2, 1], [3, 4], [1, 4]]
    result = normalize_links(links, 4)
    assert result.dtype == np.int64
    assert result.tolist() == [[3, 2], [0, 1], [0, 3]]


@pytest.mark.parametrize('base, expected', [(0, [[1, 2]]), (1, [[0, 1]]), (None, [[0, 1]])])
def test_base_of_ambiguous_links(base, expected):
    assert normalize_links([[1, 2]], 4, base).tolist() == expected


@pytest.mark.parametrize('base, wrong', [(0, [[1, 4]]), (1, [[0, 1]])])
def test_stated_base_is_checked(base, wrong):
    with pytest.raises(ValueError, match=f'counted from {base}'):
        normalize_links(wrong, 4, base)


def test_bad_base_argument():
    with pytest.raises(ValueError, match='base 2'):
        normalize_links([[0, 1]], 4, 2)


@pytest.mark.parametrize('empty', [None, [], np.zeros((0, 2))])
def test_no_links(empty):
    result = normalize_links(empty, 4)
    assert result.shape == (0, 2) and result.dtype == np.int64


def test_links_come_as_arrays_too():
    assert normalize_links(np.array([[0, 1]]), 2).tolist() == [[0, 1]]


def _shortest_tree_length(points: np.ndarray) -> float:
    """Length of the shortest tree by trying all sets of K - 1 links."""
    count = len(points)
    pairs = list(itertools.combinations(range(count), 2))
    best = np.inf
    for links in itertools.combinations(pairs, count - 1):
        if _num_components(links, range(count)) == 1:
            best = min(best, _length(points, links))
    return best


def _num_components(links, nodes) -> int:
    group = {node: node for node in nodes}
    for i, j in links:
        old, new = group[i], group[j]
        group = {node: new if g == old else g for node, g in group.items()}
    return len(set(group.values()))


def _length(points, links) -> float:
    return sum(float(np.linalg.norm(points[i] - points[j])) for i, j in links)


@pytest.mark.parametrize('count', [2, 3, 4, 5, 6])
@pytest.mark.parametrize('seed', range(3))
def test_spanning_tree_is_shortest(count, seed):
    points = np.random.default_rng(seed).random((count, 2))
    links = minimum_spanning_tree(points)
    assert links.shape == (count - 1, 2) and links.dtype == np.int64
    assert _num_components(links.tolist(), range(count)) == 1
    assert _length(points, links) == pytest.approx(_shortest_tree_length(points))
    assert (links[:, 0] < links[:, 1]).all()
    assert links.tolist() == sorted(links.tolist())


def test_spanning_tree_leaves_out_what_is_not_visible():
    points = np.array([[0, 0], [1, 0], [np.nan, 0], [2, 0], [3, 0]])
    assert minimum_spanning_tree(points, [1, 0, 1, 1, 1]).tolist() == [[0, 3], [3, 4]]


@pytest.mark.parametrize('function', [minimum_spanning_tree, nearest_neighbour_links])
def test_too_few_points(function):
    assert function(np.zeros((1, 2))).shape == (0, 2)
    assert function(np.zeros((0, 2))).shape == (0, 2)
    assert function(np.zeros((3, 2)), [0, 1, 0]).shape == (0, 2)


@pytest.mark.parametrize('function', [minimum_spanning_tree, nearest_neighbour_links])
def test_wrong_shapes(function):
    with pytest.raises(ValueError, match='expected \\(K, 2\\)'):
        function(np.zeros((4, 3)))
    with pytest.raises(ValueError, match='expected \\(4,\\)'):
        function(np.zeros((4, 2)), [1, 1, 1])


def test_coinciding_points_are_all_linked():
    links = minimum_spanning_tree(np.zeros((4, 2)))
    assert _num_components(links.tolist(), range(4)) == 1


@pytest.mark.parametrize('k', [1, 2, 10])
def test_nearest_neighbours_by_loops(k):
    points = np.random.default_rng(0).random((7, 2))
    visible = np.array([1, 1, 0, 1, 1, 1, 1])
    expected = set()
    for i in range(7):
        others = [j for j in range(7) if j != i and visible[i] and visible[j]]
        others.sort(key=lambda j: np.linalg.norm(points[i] - points[j]))
        expected |= {(min(i, j), max(i, j)) for j in others[:k]}
    assert nearest_neighbour_links(points, visible, k).tolist() == sorted(map(list, expected))


def test_at_least_one_neighbour():
    with pytest.raises(ValueError, match='k=0'):
        nearest_neighbour_links(np.zeros((3, 2)), k=0)
