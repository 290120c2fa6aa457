"""KeypointSteps: what is old, new and seen, and the steps that it refuses."""

from __future__ import annotations

import pickle

import pytest
from mmengine.config import Config

from kpt_plugins.structures.keypoint_steps import KeypointSteps

STEPS = [['neck', 'head'], ['l_hip', 'r_hip'], ['knee']]


def test_old_new_and_seen():
    steps = KeypointSteps(STEPS)
    assert len(steps) == 3
    assert steps.names(0) == steps.new(0) == ('neck', 'head')
    assert steps.old(0) == ()
    assert steps.names(2) == ('neck', 'head', 'l_hip', 'r_hip', 'knee')
    assert steps.new(2) == ('knee',)
    for step in range(3):
        assert steps.old(step) + steps.new(step) == steps.names(step)
        assert steps.num_old(step) == len(steps.old(step)) == [0, 2, 4][step]


def test_is_a_value():
    steps = KeypointSteps(STEPS)
    assert steps == KeypointSteps(tuple(tuple(names) for names in STEPS))
    assert hash(steps) == hash(KeypointSteps(STEPS))
    assert pickle.loads(pickle.dumps(steps)) == steps
    assert KeypointSteps(Config(dict(steps=STEPS)).steps) == steps


@pytest.mark.parametrize('step', [-1, 3, 1.0, True, '1', None])
@pytest.mark.parametrize('method', ['names', 'new', 'old', 'num_old', 'check_step'])
def test_unknown_step(step, method):
    with pytest.raises(ValueError, match=f'step={step!r}: there are 3 steps, expected 0 to 2'):
        getattr(KeypointSteps(STEPS), method)(step)


@pytest.mark.parametrize(
    ('steps', 'message'),
    [
        ([], r'steps=\[\]: expected a list of lists'),
        ('neck', "steps='neck': expected a list of lists"),
        (None, 'steps=None: expected a list of lists'),
        ([['a'], 'neck'], r"steps\[1\]='neck': expected a list of keypoint names"),
        ([['a'], 3], r'steps\[1\]=3: expected a list'),
        ([['a'], []], r'steps\[1\] is empty'),
        ([['a', 5]], r'steps\[0\]: 5: expected the name'),
        ([['a', '']], r"steps\[0\]: '': expected the name"),
        ([['a', 'b', 'a']], r'steps\[0\]: keypoint a is twice in it'),
        ([['a'], ['b'], ['c', 'a']], r'steps\[2\]: keypoint a is in steps\[0\] too'),
    ],
)
def test_wrong_steps(steps, message):
    with pytest.raises(ValueError, match=message):
        KeypointSteps(steps)


def test_check_against():
    steps = KeypointSteps(STEPS)
    steps.check_against(['knee', 'r_hip', 'l_hip', 'head', 'neck', 'tail'], 'ann.json')
    with pytest.raises(ValueError, match=r'steps\[1\]: l_hip, r_hip: .* 2 keypoints of ann.json'):
        steps.check_against(['head', 'neck'], 'ann.json')
