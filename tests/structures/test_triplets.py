"""Triplets: given, from the skeleton, random and mined; what each refuses."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from kpt_plugins.structures.triplets import (
    MIN_SUPPORT,
    Triplet,
    manual_triplets,
    mine_triplets,
    random_triplets,
    skeleton_triplets,
)

OLD, NEW = ['pelvis', 'thorax', 'head'], ['hip', 'knee', 'ankle']
NAMES = [*OLD, *NEW]
LINKS = [(0, 1), (1, 2), (0, 3), (3, 4), (4, 5)]


# --- given ---------------------------------------------------------------------------------


def test_manual():
    found = manual_triplets([['hip', 'knee', 'pelvis'], ('knee', 'hip', 'head')], NEW, OLD)
    assert found == [Triplet('hip', 'knee', 'pelvis'), Triplet('knee', 'hip', 'head')]
    assert found[0].first == 'hip' and found[0].second == 'knee' and found[0].old == 'pelvis'
    assert manual_triplets([], NEW, OLD) == []


@pytest.mark.parametrize(
    ('triplets', 'message'),
    [
        (['hip'], r"triplets\[0\]='hip': expected the names of two new"),
        ([['hip', 'knee']], r"triplets\[0\]=\['hip', 'knee'\]: expected the names"),
        ([3], r'triplets\[0\]=3: expected'),
        ([['hip', 'tail', 'head']], 'tail is no new keypoint of this step; these are hip, knee'),
        ([['head', 'hip', 'pelvis']], 'head is no new keypoint'),
        ([['hip', 'knee', 'ankle']], 'ankle is no old keypoint of this step; these are pelvis'),
        ([['hip', 'hip', 'head']], 'hip is given twice'),
        ([['hip', 'knee', 'head'], ['knee', 'hip', 'head']], r'triplets\[1\].*given before'),
    ],
)
def test_wrong_manual(triplets, message):
    with pytest.raises(ValueError, match=message):
        manual_triplets(triplets, NEW, OLD)


# --- random --------------------------------------------------------------------------------


def test_random():
    every = {Triplet(*pair, old) for pair in combinations(NEW, 2) for old in OLD}
    assert set(random_triplets(NEW, OLD, seed=1, number=9)) == every
    drawn = {random_triplets(NEW, OLD, seed)[0] for seed in range(100)}
    assert drawn == every
    assert random_triplets(NEW, OLD, 5, 3) == random_triplets(NEW, OLD, 5, 3)


@pytest.mark.parametrize(
    ('new', 'old', 'number', 'message'),
    [
        (['hip'], OLD, 1, '1 triplets of two new keypoints .* there are 0 of the new hip and the'),
        ([], OLD, 1, 'of the new none'),
        (NEW, [], 1, 'the old none'),
        (NEW, OLD, 10, '10 triplets .* there are 9'),
    ],
)
def test_too_few_keypoints(new, old, number, message):
    with pytest.raises(ValueError, match=message):
        random_triplets(new, old, 0, number)
    with pytest.raises(ValueError, match=message):
        skeleton_triplets(NAMES, LINKS, new, old, number)


def test_too_few_keypoints_to_mine():
    with pytest.raises(ValueError, match='1 triplets of two new'):
        mine_triplets(np.zeros((5, 4, 2)), np.ones((5, 4), bool), ['hip'], OLD)


# --- skeleton ------------------------------------------------------------------------------


def _hops(i: int, j: int, links) -> float:
    """Links between two keypoints, by spreading from the first."""
    reached, count = {i}, 0
    while j not in reached:
        grown = (
            reached | {b for a, b in links if a in reached} | {a for a, b in links if b in reached}
        )
        if grown == reached:
            return np.inf
        reached, count = grown, count + 1
    return count


def test_skeleton_nearest():
    assert skeleton_triplets(NAMES, LINKS, NEW, OLD) == [Triplet('hip', 'knee', 'pelvis')]


def test_human_limbs():
    """The relation that IKL names: elbow and wrist tell the shoulder, not both elbows the neck."""
    names = ['neck', 'l_shoulder', 'r_shoulder', 'l_elbow', 'l_wrist', 'r_elbow', 'r_wrist']
    links = [(0, 1), (0, 2), (1, 3), (3, 4), (2, 5), (5, 6)]
    (found,) = skeleton_triplets(names, links, names[3:], names[:3])
    assert found == Triplet('l_elbow', 'l_wrist', 'l_shoulder')


def test_equal_sums_prefer_linked_new_keypoints():
    names = ['root', 'a', 'b', 'c', 'd']
    links = [(0, 1), (0, 2), (0, 3), (0, 4), (3, 4)]
    assert skeleton_triplets(names, links, names[1:], ['root']) == [Triplet('c', 'd', 'root')]


@pytest.mark.parametrize('seed', range(5))
def test_skeleton_order(seed):
    """Against distances found by spreading through a random graph."""
    rng = np.random.default_rng(seed)
    names = [f'p{i}' for i in range(8)]
    links = [(i, int(rng.integers(i))) for i in range(1, 8)] + [(2, 6)]
    new, old = names[5:] + names[:1], names[1:5]
    found = skeleton_triplets(names, links, new, old, number=24)
    assert len(set(found)) == 24
    lengths = []
    for triplet in found:
        i, j, k = map(names.index, triplet)
        both = _hops(i, k, links) + _hops(j, k, links)
        lengths.append((both, _hops(i, j, links)))
    assert lengths == sorted(lengths)


@pytest.mark.parametrize('links', [[], [(3, 4), (4, 5), (0, 1)], [(0, 3)]])
def test_not_connected(links):
    message = r'connects 0 pairs of the new keypoints \(hip, knee, ankle\) .*, expected 1: give'
    with pytest.raises(ValueError, match=message):
        skeleton_triplets(NAMES, links, NEW, OLD)


# --- mined ---------------------------------------------------------------------------------


def _poses(count: int = 60, seed: int = 0) -> np.ndarray:
    """Six points; `pelvis` keeps its place relative to `hip` and `knee`, the rest wobbles."""
    rng = np.random.default_rng(seed)
    shape = np.array([[0, 0], [0, -4], [0, -6], [1, 1], [2, 4], [1, 7]], float)
    wobble = rng.normal(0, 1, (count, 6, 2)) * [[[0], [1], [2], [0], [0], [1]]]
    turn = rng.uniform(-3, 3, count)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    scale = rng.uniform(0.5, 3, (count, 1, 1))
    poses = np.einsum('ijn,nkj->nki', rotation, shape + wobble) * scale
    return poses + rng.uniform(-50, 50, (count, 1, 2))


def _slow_score(points, usable, i, j, k) -> float:
    """The fit as an ordinary least squares problem in (a, b) of A = [[a, -b], [b, a]]."""
    rows, right, lengths = [], [], []
    for sample, use in zip(points, usable, strict=True):
        if use[i] and use[j] and use[k]:
            x, y = sample[j] - sample[i]
            rows += [[x, -y], [y, x]]
            right += list(sample[k] - sample[i])
            lengths.append(np.hypot(x, y))
    solution = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
    residual = (np.array(rows) @ solution - right).reshape(-1, 2)
    return np.median(np.linalg.norm(residual, axis=1) / lengths)


def test_mined_scores():
    points = _poses()
    usable = np.random.default_rng(1).random((60, 6)) < 0.9
    ranking = mine_triplets(points, usable, NEW, OLD)
    assert len(ranking) == 9
    for score, triplet in ranking:
        i, j, k = map(NAMES.index, triplet)
        assert score == pytest.approx(_slow_score(points, usable, i, j, k))
    scores = [score for score, _ in ranking]
    assert scores == sorted(scores)
    assert ranking[0][1] == Triplet('hip', 'knee', 'pelvis')
    assert scores[0] == pytest.approx(0, abs=1e-9) and scores[1] > 0.02


def test_mined_order_of_the_new_keypoints_does_not_matter():
    points, usable = _poses(), np.ones((60, 6), bool)
    swapped = points[:, [0, 1, 2, 5, 4, 3]]
    first = {frozenset(t): s for s, t in mine_triplets(points, usable, NEW, OLD)}
    second = {frozenset(t): s for s, t in mine_triplets(swapped, usable, NEW[::-1], OLD)}
    assert first.keys() == second.keys()
    for key, score in first.items():
        assert second[key] == pytest.approx(score)


def test_mined_ignores_what_is_not_usable():
    points, usable = _poses(), np.ones((60, 6), bool)
    usable[::3, 4] = False
    clean = mine_triplets(points, usable, NEW, OLD)
    points[::3, 4] = np.random.default_rng(0).uniform(-1e6, 1e6, (20, 2))
    points[0, 4] = np.nan
    assert mine_triplets(points, usable, NEW, OLD) == clean


def test_mined_leaves_out_coinciding_new_keypoints():
    points, usable = _poses(), np.ones((60, 6), bool)
    points[:5, 3] = points[:5, 4]
    assert all(np.isfinite(score) for score, _ in mine_triplets(points, usable, NEW, OLD))
    points[:, 3] = points[:, 4]
    pairs = {triplet[:2] for _, triplet in mine_triplets(points, usable, NEW, OLD)}
    assert pairs == {('hip', 'ankle'), ('knee', 'ankle')}


def test_mined_triplets_need_support():
    """An old keypoint that the teacher rarely sees is not chosen, however well it fits."""
    points, usable = _poses(100), np.ones((100, 6), bool)
    few = int(MIN_SUPPORT * 100) - 1
    usable[few:, 0] = False
    assert 'pelvis' not in {triplet.old for _, triplet in mine_triplets(points, usable, NEW, OLD)}
    usable[few, 0] = True
    assert mine_triplets(points, usable, NEW, OLD)[0][1].old == 'pelvis'


def test_mined_without_samples():
    usable = np.ones((60, 6), bool)
    usable[1:, :3] = False
    with pytest.raises(ValueError, match='no two of the new keypoints .hip, knee, ankle. are lab'):
        mine_triplets(_poses(), usable, NEW, OLD)


def test_mined_shapes():
    with pytest.raises(ValueError, match=r'points of shape \(60, 6, 2\) and usable .* \(60, 5\)'):
        mine_triplets(_poses(), np.ones((60, 5), bool), NEW, OLD)
    with pytest.raises(ValueError, match=r'for 3 old and 2 new keypoints'):
        mine_triplets(_poses(), np.ones((60, 6), bool), NEW[:2], OLD)
