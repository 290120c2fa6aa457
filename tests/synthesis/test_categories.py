"""The procedural categories: topology, names, geometry of keypoints and parts."""

from __future__ import annotations

import numpy as np
import pytest

from kpt_plugins.synthesis import FAMILIES, KINDS, Plan, build_category
from kpt_plugins.synthesis.categories import MAX_KEYPOINTS, MIN_KEYPOINTS
from kpt_plugins.synthesis.jointed import JointedModel
from kpt_plugins.synthesis.render import Canvas, apply_affine

SIZE = 96
ALL = range(sum(Plan().categories))


@pytest.mark.parametrize('index', ALL)
def test_topology(index):
    category = build_category(0, index, SIZE)
    blueprint, count = category.blueprint, category.num_keypoints
    assert MIN_KEYPOINTS <= count <= MAX_KEYPOINTS
    assert len(set(blueprint.names)) == len(blueprint.owners) == count

    links = blueprint.skeleton
    assert len({frozenset(link) for link in links}) == len(links)
    assert all(0 <= i < count and 0 <= j < count and i != j for i, j in links)
    reached, frontier = {0}, [0]
    while frontier:
        k = frontier.pop()
        new = {b for a, b in (*links, *((j, i) for i, j in links)) if a == k} - reached
        reached |= new
        frontier += new
    assert reached == set(range(count)), 'the skeleton spans all keypoints'

    swap = np.arange(count)
    for left, right in blueprint.flip_pairs:
        swap[[left, right]] = right, left
        assert blueprint.names[left].replace('left_', 'right_') == blueprint.names[right]
    assert (swap[swap] == np.arange(count)).all()
    flat = [k for pair in blueprint.flip_pairs for k in pair]
    assert len(flat) == len(set(flat))
    sided = [n for n in blueprint.names if n.startswith(('left_', 'right_'))]
    assert len(sided) == len(flat), 'every sided keypoint has its partner'


def test_flip_pairs_keep_the_skeleton():
    """Swapping left and right maps the skeletons of symmetric families onto themselves."""
    for index in ALL:
        category = build_category(0, index, SIZE)
        if category.family not in ('insect', 'biped', 'leaf', 'face', 'garment', 'seat'):
            continue
        swap = np.arange(category.num_keypoints)
        for left, right in category.blueprint.flip_pairs:
            swap[[left, right]] = right, left
        links = {frozenset(link) for link in category.blueprint.skeleton}
        assert {frozenset(int(swap[k]) for k in link) for link in links} == links, category.name


def test_splits_are_disjoint_and_have_every_kind():
    plan = Plan()
    kind_of = {family: kind for kind, families in KINDS.items() for family in families}
    assert set(kind_of) == set(FAMILIES)
    seen = []
    for split, count in (('train', 40), ('val', 8), ('test', 12)):
        indices = plan.category_indices(split)
        assert len(indices) == count
        categories = [build_category(0, i, SIZE) for i in indices]
        assert {kind_of[c.family] for c in categories} == set(KINDS)
        seen += [c.name for c in categories]
        if split == 'test':
            assert {c.family for c in categories} == set(FAMILIES)
    assert len(set(seen)) == 60


def test_categories_of_a_family_differ():
    for first in range(len(FAMILIES)):
        members = [build_category(0, i, SIZE) for i in range(first, 60, len(FAMILIES))]
        colours = [_mean_colour(c) for c in members]
        gaps = [np.abs(a - b).max() for i, a in enumerate(colours) for b in colours[:i]]
        assert min(gaps) > 2, members[0].family
        assert len({c.blueprint.names for c in members}) > 1, members[0].family


def _mean_colour(category) -> np.ndarray:
    model = category.blueprint.model
    parts = model.parts if isinstance(model, JointedModel) else model.faces
    return parts[0].sprite.bgra[..., :3].mean(axis=(0, 1))


def test_categories_depend_on_seed_and_index_alone():
    first = build_category(0, 3, SIZE)
    build_category.cache_clear()
    build_category(0, 7, SIZE)
    again = build_category(0, 3, SIZE)
    assert again is not first and again.record() == first.record()
    assert np.array_equal(
        again.blueprint.model.parts[0].sprite.bgra, first.blueprint.model.parts[0].sprite.bgra
    )
    assert build_category(1, 3, SIZE).record() != first.record()


@pytest.mark.parametrize('index', range(len(FAMILIES)))
def test_keypoints_lie_on_a_part_that_owns_them(index):
    """Each owner is painted alone, so that nothing can hide it."""
    category = build_category(0, index, SIZE)
    to_canvas = np.array([[100.0, 0, 100], [0, 100.0, 100]])
    for seed in range(3):
        posed = category.blueprint.model.pose(np.random.default_rng(seed))
        points = np.floor(apply_affine(to_canvas, posed.points)).astype(int)
        masks = {}
        for layer in posed.layers:
            canvas = Canvas(200, 200)
            canvas.paint(layer, to_canvas)
            masks[layer.part] = canvas.parts > 0
        for k, (x, y) in enumerate(points):
            window = np.s_[y - 1 : y + 2, x - 1 : x + 2]
            # Faces that are turned away are not drawn.
            hits = [masks[o][window].any() for o in category.blueprint.owners[k] if o in masks]
            assert any(hits) or not hits, category.blueprint.names[k]


def test_joints_stay_within_their_limits():
    for index in range(len(FAMILIES)):
        model = build_category(0, index, SIZE).blueprint.model
        if isinstance(model, JointedModel):
            assert max(bone.limit for bone in model.bones) <= np.deg2rad(35) + 1e-9
            assert sum(bone.limit > np.deg2rad(5) for bone in model.bones) >= 1


def test_facing_left_is_the_mirror_image_with_near_and_far_limbs_exchanged():
    model = build_category(0, list(FAMILIES).index('quadruped'), SIZE).blueprint.model
    count = len(model.bones)
    right, left = (model._assemble(np.zeros(count), np.ones(count), 0j, f) for f in (1, -1))
    assert left.points == pytest.approx(right.points * (-1, 1))
    far = {i for i, part in enumerate(model.parts, 1) if part.side < 0}
    near = {i for i, part in enumerate(model.parts, 1) if part.side > 0}
    assert len(near) == len(far) > 3
    order = [layer.part for layer in right.layers]
    assert max(map(order.index, far)) < min(map(order.index, near))
    order = [layer.part for layer in left.layers]
    assert max(map(order.index, near)) < min(map(order.index, far))
    shaded = {layer.part for layer in left.layers if layer.gain < 1}
    assert shaded == near
