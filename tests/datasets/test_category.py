"""Completing and checking one category."""

from __future__ import annotations

import numpy as np
import pytest

from kpt_plugins.datasets.category import (
    build_category,
    count_keypoints,
    declared_base,
    fallback_skeleton,
    file_base,
    resolve_base,
)
from kpt_plugins.datasets.instance import Instance


def _annotation(key: int, category_id: int, count: int) -> dict:
    return dict(id=key, category_id=category_id, keypoints=[1, 1, 2] * count)


def test_count_keypoints():
    annotations = [_annotation(1, 18, 19), _annotation(2, 40, 68), _annotation(3, 18, 19)]
    assert count_keypoints(annotations) == {18: 19, 40: 68}


def test_count_ignores_annotations_without_keypoints():
    annotations = [dict(id=1, category_id=1), dict(id=2, category_id=1, keypoints=[])]
    assert count_keypoints(annotations) == {}


def test_counts_must_agree():
    with pytest.raises(ValueError, match='category 3: annotation 9 has 5 keypoints, annotation 8'):
        count_keypoints([_annotation(8, 3, 4), _annotation(9, 3, 5)])


@pytest.mark.parametrize('info, base', [({}, None), (dict(skeleton_base=0), 0)])
def test_declared_base(info, base):
    assert declared_base(info) == base


@pytest.mark.parametrize(
    'skeletons, base',
    [
        ([[[0, 1]], []], 0),
        ([[[3, 4]], [[1, 2]]], 1),
        ([[[3, 4]], [[0, 2]]], None),
        ([[[1, 2]], []], None),
        ([[[0, 1]], [[0, 9]]], 0),  # a faulty one is no evidence
    ],
)
def test_file_base(skeletons, base):
    categories = {i: dict(skeleton=links) for i, links in enumerate(skeletons)}
    assert file_base(categories, dict.fromkeys(categories, 4)) == base


@pytest.mark.parametrize(
    'links, base, evidence, expected',
    [
        ([[0, 1]], 'auto', 1, (0, False)),  # proof beats evidence
        ([[1, 4]], 'auto', 0, (1, False)),
        ([[1, 2]], 'auto', 0, (0, False)),
        ([[1, 2]], 'auto', None, (1, True)),
        ([[1, 2]], 0, 1, (0, False)),
        ([], 'auto', None, (1, False)),  # nothing to assume about no links
    ],
)
def test_resolve_base(links, base, evidence, expected):
    assert resolve_base(links, 4, base, evidence) == expected


def test_unknown_fallback():
    with pytest.raises(ValueError, match="'tree'"):
        fallback_skeleton('tree', np.zeros((3, 2)), np.ones(2))


@pytest.mark.parametrize(
    'names, folder',
    [(['a/1.jpg', 'b/2.jpg', 'b/3.jpg'], 'b'), (['1.jpg'], ''), (['x/y/1.jpg'], 'x/y')],
)
def test_folder_is_the_most_frequent(names, folder):
    box, keypoints = np.array([0.0, 0, 9, 9]), np.array([[0.0, 0, 1], [9, 9, 1]])
    instances = [Instance(1, 1, 1, name, box, keypoints) for name in names]
    category = build_category(dict(id=1, name='x'), instances, 0)
    assert category.folder == folder
    assert category.supercategory == '' and category.flip_pairs == ()
    assert category.mean_pose.tolist() == [[0, 0], [1, 1]]
