import numpy as np
import pytest

from kpt_plugins.structures.padding import (
    equal_division_padding,
    mixup_padding,
    zero_padding,
)

CORNER = np.array([[0, 0], [1, 0], [1, 1]], np.float32)
CORNER_LINKS = np.array([[0, 1], [1, 2]])
ALL = np.ones(3, bool)


def random_episode(seed, num_keypoints=9, num_links=11):
    rng = np.random.default_rng(seed)
    links = rng.integers(num_keypoints, size=(num_links, 2))
    points = rng.random((num_keypoints, 2), dtype=np.float32)
    return rng, links, points, rng.random(num_keypoints) < 0.7


def apply_slowly(plan, points, visible):
    """The definition of ``PaddingPlan.apply``, slot by slot and link by link."""
    num_real = len(points)
    out = [tuple(point) for point in points]
    shown = list(visible)
    strung = {edge: [] for edge in range(len(plan.links))}
    for slot in range(plan.num_slots):
        if slot < len(plan.edge):
            i, j = plan.links[plan.edge[slot]]
            weight = plan.weight[slot]
            out.append(tuple(weight * points[i] + (1 - weight) * points[j]))
            shown.append(visible[i] and visible[j] and plan.keep[slot])
            if shown[-1]:
                strung[plan.edge[slot]].append(num_real + slot)
        else:
            out.append((0, 0))
            shown.append(False)
    links = [tuple(link) for link in plan.links]
    for edge, slots in strung.items():
        if slots:
            chain = [plan.links[edge][0], *slots, plan.links[edge][1]]
            links += list(zip(chain[:-1], chain[1:], strict=True))
    return np.array(out), np.array(shown), np.array(links)


def plans(links, num_slots, rng):
    yield zero_padding(links, num_slots)
    yield equal_division_padding(links, num_slots)
    yield equal_division_padding(links, num_slots, legacy_order=True)
    yield mixup_padding(links, num_slots, rng)
    yield mixup_padding(links, num_slots, rng, alpha=0.3, probability=0.5, legacy_order=True)


@pytest.mark.parametrize('num_slots', [0, 1, 10, 11, 61])
def test_apply_equals_slow_reference(num_slots):
    for seed in range(5):
        rng, links, points, visible = random_episode(seed)
        for plan in plans(links, num_slots, rng):
            padded = plan.apply(points, visible)
            slow = apply_slowly(plan, points, visible)
            np.testing.assert_allclose(padded.points, slow[0], atol=1e-6)
            np.testing.assert_array_equal(padded.visible, slow[1])
            np.testing.assert_array_equal(padded.links, slow[2])
            assert padded.points.dtype == np.float32 and padded.visible.dtype == bool


def test_equal_division_of_a_corner():
    padded = equal_division_padding(CORNER_LINKS, 7).apply(CORNER, ALL)
    expected = [(0.25, 0), (0.5, 0), (0.75, 0), (1, 0.25), (1, 0.5), (1, 0.75), (0, 0)]
    np.testing.assert_allclose(padded.points[3:], expected, atol=1e-6)
    assert padded.visible.tolist() == [True] * 9 + [False]
    assert len(padded.links) == 10


def test_equal_division_with_less_than_a_slot_a_link():
    padded = equal_division_padding(CORNER_LINKS, 1).apply(CORNER, ALL)
    assert padded.points[3:].tolist() == [[0, 0]]
    assert padded.visible.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(padded.links, CORNER_LINKS)


def test_no_slots_change_nothing():
    for plan in plans(CORNER_LINKS, 0, np.random.default_rng(0)):
        padded = plan.apply(CORNER, ALL)
        np.testing.assert_array_equal(padded.points, CORNER)
        np.testing.assert_array_equal(padded.links, CORNER_LINKS)


@pytest.mark.parametrize('num_slots', [0, 5])
def test_no_skeleton_means_empty_slots(num_slots):
    for plan in plans(np.zeros((0, 2), np.int64), num_slots, np.random.default_rng(0)):
        padded = plan.apply(CORNER, ALL)
        assert not padded.visible[3:].any() and not padded.points[3:].any()
        assert padded.links.shape == (0, 2)


@pytest.mark.parametrize('mode', ['mixup', 'equal division'])
def test_order_along_a_link(mode):
    """Padded points run from the link's first keypoint to its second; the legacy order does not."""

    def shares(legacy_order):
        links = np.array([[0, 1]])
        if mode == 'mixup':
            rng = np.random.default_rng(0)
            plan = mixup_padding(links, 5, rng, legacy_order=legacy_order)
        else:
            plan = equal_division_padding(links, 5, legacy_order)
        return plan.apply(CORNER, ALL).points[3:, 0]

    assert (np.diff(shares(False)) > 0).all()
    np.testing.assert_allclose(shares(True), shares(False)[::-1], atol=1e-6)


def test_chain_joins_neighbours_on_the_link():
    padded = equal_division_padding(np.array([[0, 1]]), 3).apply(CORNER, ALL)
    assert padded.links.tolist() == [[0, 1], [0, 3], [3, 4], [4, 5], [5, 1]]


def test_same_plan_pads_an_affine_image_to_the_affine_image():
    rng, links, points, visible = random_episode(3)
    turn, shift = np.array([[0.8, -0.5], [0.3, 1.2]]), np.array([0.1, -0.2])
    for plan in (mixup_padding(links, 61, rng), equal_division_padding(links, 61)):
        support = plan.apply(points, visible).points[: 9 + len(plan.edge)]
        query = plan.apply((points @ turn.T + shift).astype(np.float32), visible).points
        np.testing.assert_allclose(support @ turn.T + shift, query[: len(support)], atol=1e-6)


def test_invisible_parent_hides_the_points_of_its_links():
    visible = np.array([True, True, False])
    padded = equal_division_padding(CORNER_LINKS, 6).apply(CORNER, visible)
    assert padded.visible[3:].tolist() == [True] * 3 + [False] * 3
    assert len(padded.links) == 2 + 4


def test_mixup_draws():
    """Links uniformly with replacement, weights from Beta(alpha, alpha), slots grouped by link."""
    rng = np.random.default_rng(0)
    links = np.array([[0, 1], [1, 2], [1, 2], [0, 2]])
    edges, weights, keeps = [], [], []
    for _ in range(400):
        plan = mixup_padding(links, 50, rng, alpha=0.5, probability=0.8)
        assert (np.diff(plan.edge) >= 0).all()
        edges.append(plan.edge)
        weights.append(plan.weight)
        keeps.append(plan.keep)
    share = np.bincount(np.concatenate(edges)) / 20000
    np.testing.assert_allclose(share, 0.25, atol=0.015)  # a repeated link counts twice
    # Beta(a, a) has mean 1/2 and variance 1 / (4 (2a + 1))
    np.testing.assert_allclose(np.mean(weights), 0.5, atol=0.01)
    np.testing.assert_allclose(np.var(weights), 1 / 8, atol=0.005)
    np.testing.assert_allclose(np.mean(keeps), 0.8, atol=0.015)


def test_mixup_depends_on_its_generator_alone():
    first, second, other = (
        mixup_padding(CORNER_LINKS, 20, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.weight, second.weight)
    np.testing.assert_array_equal(first.edge, second.edge)
    assert (first.weight != other.weight).any()


def test_points_that_are_not_kept_stay_invisible():
    plan = mixup_padding(CORNER_LINKS, 20, np.random.default_rng(0), probability=0.0)
    padded = plan.apply(CORNER, ALL)
    assert not padded.visible[3:].any()
    np.testing.assert_array_equal(padded.links, CORNER_LINKS)
