from collections import deque

import numpy as np
import pytest

from kpt_plugins.structures.references import structural_references


def breadth_first(links, visible, count):
    """The definition, one keypoint and one link at a time."""
    table = []
    for start in range(len(visible)):
        found, queue = [start], deque([start])
        while queue:
            node = queue.popleft()
            if not visible[node]:
                continue
            for i, j in links:
                for near, far in ((i, j), (j, i)):
                    if near == node and far not in found:
                        found.append(far)
                        queue.append(far)
        found = found[:count]
        table.append(found + [start] * (count - len(found)))
    return np.array(table)


@pytest.mark.parametrize('num_keypoints', [1, 2, 5, 9, 30, 70])
@pytest.mark.parametrize('num_references', [1, 2, 8, 16])
def test_equals_breadth_first_search(num_keypoints, num_references):
    rng = np.random.default_rng(num_keypoints)
    for density in (0, 0.5, 1.2, 3):
        # self-links, repeated and reversed ones among them
        links = rng.integers(num_keypoints, size=(int(density * num_keypoints), 2))
        visible = rng.random(num_keypoints) < 0.7
        result = structural_references(links, visible, num_references)
        assert result.dtype == np.int64
        np.testing.assert_array_equal(result, breadth_first(links, visible, num_references))


def test_isolated_keypoint_has_only_itself():
    result = structural_references(np.array([[0, 1]]), np.ones(3, bool))
    assert result[2].tolist() == [2] * 8


def test_chain():
    links = np.array([[0, 1], [1, 2], [2, 3]])
    result = structural_references(links, np.ones(4, bool))
    assert result[0].tolist() == [0, 1, 2, 3, 0, 0, 0, 0]
    assert result[2].tolist() == [2, 1, 3, 0, 2, 2, 2, 2]


def test_search_does_not_go_through_invisible_keypoints():
    links = np.array([[0, 1], [1, 2], [2, 3]])
    result = structural_references(links, np.array([True, False, True, True]), 4)
    assert result[0].tolist() == [0, 1, 0, 0]
    assert result[1].tolist() == [1, 1, 1, 1]
    assert result[3].tolist() == [3, 2, 1, 3]


def test_neighbours_come_in_the_order_of_the_links():
    links = np.array([[0, 3], [2, 0], [0, 1]])
    assert structural_references(links, np.ones(4, bool), 4)[0].tolist() == [0, 3, 2, 1]


def test_no_skeleton():
    result = structural_references(np.zeros((0, 2), np.int64), np.ones(3, bool), 2)
    assert result.tolist() == [[0, 0], [1, 1], [2, 2]]
