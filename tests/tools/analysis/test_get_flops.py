from tests.apis.test_model_loading import TINY
from tests.tools.tool import load_tool

tool = load_tool('analysis/get_flops')


def test_children_are_summed_where_the_parent_is_not_called():
    counts = {'a': 10, 'a.x': 4, 'b.x': 3, 'b.x.y': 2, 'b.z': 5, 'bb': 100}
    assert tool.macs_of('a', counts) == 10
    assert tool.macs_of('b', counts) == 8
    assert tool.macs_of('c', counts) == 0


def test_table(capsys):
    tool.main([str(TINY), '--num-shots', '3', '--depth', '1'])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == '3 supports and 1 query of 64 x 64 pixels'
    shares = {line.split()[0]: float(line.split()[-1].rstrip('%')) for line in lines[3:]}
    parts = [shares[name] for name in ('backbone', 'neck', 'head')]
    assert all(share > 0 for share in parts)
    assert abs(sum(parts) + shares['outside'] - 100) < 0.3
