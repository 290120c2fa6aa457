"""The record of a category's keypoints."""

from __future__ import annotations

import pytest

from kpt_plugins.synthesis.model import Annotator


def test_keypoints_links_and_pairs_of_names():
    annotator = Annotator()
    nose = annotator.add('nose', {1})
    right = annotator.add('right_eye', (1, 2), nose)
    left = annotator.add('left_eye', [2], nose)
    annotator.add('left_horn', {3}, left)  # without a right one
    blueprint = annotator.blueprint(model=None)
    assert blueprint.names == ('nose', 'right_eye', 'left_eye', 'left_horn')
    assert blueprint.owners == tuple(map(frozenset, ({1}, {1, 2}, {2}, {3})))
    assert blueprint.skeleton == ((nose, right), (nose, left), (left, 3))
    assert blueprint.flip_pairs == ((left, right),)


def test_a_name_is_given_once():
    annotator = Annotator()
    annotator.add('nose', {1})
    with pytest.raises(AssertionError, match='nose'):
        annotator.add('nose', {2})
