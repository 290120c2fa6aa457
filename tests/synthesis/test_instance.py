"""Rendered instances: determinism, boxes, visibility, variety."""

from __future__ import annotations

import numpy as np
import pytest

from kpt_plugins.synthesis import FAMILIES, build_category, render_instance
from kpt_plugins.synthesis.render import OCCLUDER

SIZE = 96


@pytest.fixture(scope='module')
def rendered():
    """Six instances of one category of every family."""
    categories = [build_category(0, i, SIZE) for i in range(len(FAMILIES))]
    return [(c, [render_instance(c, i) for i in range(6)]) for c in categories]


def test_depends_on_category_and_index_alone(rendered):
    for category, instances in rendered[:4]:
        again = render_instance(category, 3)
        assert np.array_equal(again.image, instances[3].image)
        assert np.array_equal(again.keypoints, instances[3].keypoints)
        assert not np.array_equal(instances[2].image, instances[3].image)
    other = render_instance(build_category(1, 0, SIZE), 0)
    assert not np.array_equal(other.image, rendered[0][1][0].image)


def test_does_not_touch_global_random_state():
    np.random.seed(5)
    state = np.random.get_state()[1].copy()
    render_instance(build_category(0, 1, SIZE), 0)
    assert np.array_equal(np.random.get_state()[1], state)


def test_flags_agree_with_the_part_mask(rendered):
    for category, instances in rendered:
        for instance in instances:
            assert instance.image.shape == (SIZE, SIZE, 3) and instance.image.dtype == np.uint8
            for k, (x, y, v) in enumerate(instance.keypoints):
                if v == 0:
                    assert x == y == 0
                    continue
                assert v == 2 and 0 <= x <= SIZE and 0 <= y <= SIZE
                # Rounding to 1/100 pixel may cross a pixel's border, hence the wider window.
                col, row = int(min(x, SIZE - 1)), int(min(y, SIZE - 1))
                near = instance.parts[max(row - 2, 0) : row + 3, max(col - 2, 0) : col + 3]
                assert category.blueprint.owners[k] & set(near.ravel().tolist())


def test_enough_is_seen_and_sometimes_not_all(rendered):
    shares = []
    for category, instances in rendered:
        for instance in instances:
            seen = (instance.keypoints[:, 2] > 0).sum()
            assert seen >= 4
            shares.append(seen / category.num_keypoints)
    assert min(shares) < 0.9 < max(shares) == 1.0
    assert 0.8 < np.mean(shares) < 0.99


def test_boxes_hold_the_visible_object(rendered):
    for _, instances in rendered:
        for instance in instances:
            x, y, w, h = instance.bbox
            assert x >= 0 and y >= 0 and x + w <= SIZE + 0.01 and y + h <= SIZE + 0.01
            rows, cols = np.nonzero((instance.parts > 0) & (instance.parts != OCCLUDER))
            assert x <= cols.min() and y <= rows.min()
            assert cols.max() + 1 <= x + w + 0.01 and rows.max() + 1 <= y + h + 0.01
            margin = max(
                cols.min() - x, rows.min() - y, x + w - cols.max() - 1, y + h - rows.max() - 1
            )
            assert margin <= 0.03 * max(w, h) + 2
            points = instance.keypoints[instance.keypoints[:, 2] > 0, :2]
            assert (points >= (x - 0.01, y - 0.01)).all()
            assert (points <= (x + w + 0.01, y + h + 0.01)).all()


def test_truncation_and_occluders_occur():
    category = build_category(0, 5, SIZE)
    instances = [render_instance(category, i) for i in range(60)]
    occluded = [(i.parts == OCCLUDER).any() for i in instances]
    border = [i.parts[[0, -1]].any() or i.parts[:, [0, -1]].any() for i in instances]
    assert 0.08 < np.mean(occluded) < 0.35
    assert 0.03 < np.mean(border) < 0.6


def test_instances_turn_both_ways():
    """Neck to waist of the biped: rotated by up to 40 degrees, and by some joints on top."""
    category = build_category(0, list(FAMILIES).index('biped'), SIZE)
    names = category.blueprint.names
    neck, pelvis = names.index('neck'), names.index('pelvis')
    angles = []
    for i in range(60):
        points = render_instance(category, i).keypoints
        if points[neck, 2] and points[pelvis, 2]:
            dx, dy = points[pelvis, :2] - points[neck, :2]
            angles.append(np.rad2deg(np.arctan2(-dx, dy)))
    assert min(angles) < -20 and max(angles) > 20
    assert np.abs(angles).max() < 40 + 25
