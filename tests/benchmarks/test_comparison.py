import argparse
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from .loading import load_benchmark

comparison = load_benchmark('comparison')


@dataclass
class Run:
    name: str
    how_far: str
    root: Path = Path('work')

    def state(self):
        return self.how_far


@pytest.fixture(autouse=True)
def same_handler():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def parse(*argv):
    parser = argparse.ArgumentParser()
    comparison.add_run_arguments(parser, 'some')
    return parser.parse_args(argv)


def test_arguments():
    args = parse()
    assert args.work_dir == Path('work_dirs/some') and args.jobs == 2 and not args.table_only
    assert args.out == Path(comparison.__file__).parent / 'results' / 'some'


def test_finished_ones_are_sorted_out():
    runs = [Run('a', 'finished'), Run('b', 'not started'), Run('c', 'finished')]
    assert comparison.sort_out(runs) == ([runs[0], runs[2]], {'b': 'not started'})
    with pytest.raises(ValueError, match='no finished run of this budget in work'):
        comparison.sort_out(runs[1:2])


def test_everything_that_went_wrong_is_told_after_the_report():
    done = []

    def report():
        done.append('report')
        raise ValueError('nothing finished')

    with pytest.raises(SystemExit, match='a: broken\nnothing finished'):
        comparison.carry_out(parse(), lambda: ['a: broken'], report)
    assert done == ['report']
    comparison.carry_out(parse('--table-only'), lambda: pytest.fail('run'), lambda: None)
