import re

import pytest

from .loading import load_benchmark

speed = load_benchmark('ikl_speed')


@pytest.mark.slow
def test_prints_every_ratio(capfd):
    """One round of the small model; the student goes forward once."""
    speed.main(['--rounds', '1', '--batch-size', '2', '--memory'])
    output = capfd.readouterr().out
    assert 'forward passes of the student in a training step: 1\n' in output
    found = dict(re.findall(r'(.*) / plain: ([\d.]+)', output))
    assert set(found) == {
        'training step, ksd',
        'training step, kamp',
        'inference, kamp',
        'peak memory of training, ksd',
        'peak memory of training, kamp',
    }
    assert all(float(value) > 0 for value in found.values())
