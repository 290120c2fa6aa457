"""Names of prompts, as checkpoints have them."""

from types import SimpleNamespace

import pytest

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.apis.prompt_assignment import CategoryPrompts, names_meta
from kpt_plugins.apis.prompt_categories import named_categories, unnamed_prompts
from kpt_plugins.models.layers.prompt_names import PromptNames


def model(assignment):
    names = PromptNames()
    names.set(assignment, 10)
    return SimpleNamespace(prompt_names=names)


def test_what_the_tool_writes():
    named = [
        CategoryPrompts(3, 'elk', ['nose', 'tail'], [4, -1], [0.1, float('nan')], 5, [[0, 1]]),
        CategoryPrompts(8, 'hare', ['ear'], [9], [0.1], 5),
    ]
    found = named_categories(model({3: [4, -1], 8: [9]}), names_meta(named), 'a.pth')
    assert found == {
        3: KeypointCategory('elk', ['nose', 'tail'], [(0, 1)]),
        8: KeypointCategory('hare', ['ear']),
    }


def test_without_names():
    assert named_categories(model({}), {}, 'a.pth') == {}
    found = named_categories(model({3: [4, 5]}), {}, 'a.pth')
    assert found == {3: KeypointCategory('3', ['keypoint_0', 'keypoint_1'])}
    assert unnamed_prompts(2) == KeypointCategory('object', ['prompt 0', 'prompt 1'])


def test_checkpoints_of_before_have_no_skeleton():
    meta = dict(named_keypoints={3: dict(name='elk', keypoint_names=['nose'])})
    assert named_categories(model({3: [4]}), meta, 'a.pth')[3].skeleton == []


def test_categories_of_one_name_are_told_apart():
    records = {i: dict(name=name) for i, name in ((3, 'face'), (4, 'elk'), (8, 'face'))}
    found = named_categories(
        model({3: [4], 4: [5], 8: [6]}), dict(named_keypoints=records), 'a.pth'
    )
    assert [category.name for category in found.values()] == ['face (3)', 'elk', 'face (8)']


@pytest.mark.parametrize(
    'records',
    [
        {3: dict(keypoint_names=['a'])},
        {3: dict(keypoint_names=['a', 'a'])},
        {3: dict(keypoint_names=5)},
        {3: dict(skeleton=5)},
        {3: dict(skeleton=[[0, 2]])},
        {3: 'names'},
        {3: 7},
        7,
    ],
)
def test_names_that_are_none(records):
    with pytest.raises(ValueError, match=r'^a.pth: the names of the prompts are not what'):
        named_categories(model({3: [4, 5]}), dict(named_keypoints=records), 'a.pth')
