import pytest

from .loading import load_benchmark

timing = load_benchmark('timing')


def test_runs_alternate_and_the_median_counts(monkeypatch):
    now, calls = [0.0], []
    monkeypatch.setitem(timing.CLOCKS, 'wall', lambda: now[0])

    def function(name, durations):
        def run():
            calls.append(name)
            now[0] += next(durations)

        return run

    slow = iter([100, 3, 50, 4])  # a warm-up, and one run that something else disturbed
    functions = {'slow': function('slow', slow), 'fast': function('fast', iter([9, 1, 2, 1]))}
    assert timing.alternate(functions, rounds=3) == {'slow': 4, 'fast': 1}
    assert calls == ['slow', 'fast'] * 4


def test_unknown_clock():
    with pytest.raises(KeyError):
        timing.alternate({}, 1, clock='sun')


def test_machine_is_described():
    assert 'cores' in timing.machine() and 'PyTorch' in timing.machine()
