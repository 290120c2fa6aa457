from tests.apis.test_model_loading import TINY
from tests.tools.tool import load_tool

tool = load_tool('analysis/benchmark')


def test_median_of_the_runs_after_the_first():
    calls = []
    result = tool.seconds({'a': lambda: calls.append('a'), 'b': lambda: calls.append('b')}, 2)
    assert calls == ['a', 'b'] * 3
    assert set(result) == {'a', 'b'} and all(value >= 0 for value in result.values())


def test_prints_parts_and_ratio(capsys):
    tool.main([str(TINY), '--batch-size', '2', '--rounds', '1'])
    lines = capsys.readouterr().out.splitlines()
    assert [line[:14].strip() for line in lines[:3]] == [
        'backbone',
        'training step',
        'prediction',
    ]
    ratio = float(lines[3].removeprefix('training step / backbone: '))
    assert ratio > 1
