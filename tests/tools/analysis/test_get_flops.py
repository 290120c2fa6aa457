import math
from functools import partial

import torch
from torch.utils.flop_counter import FlopCounterMode

from kpt_plugins.models.layers.weighted_rows import weighted_rows
from tests.apis.test_model_loading import TINY
from tests.tools.tool import load_tool

tool = load_tool('analysis/get_flops')


def test_children_are_summed_where_the_parent_is_not_called():
    counts = {'a': 10, 'a.x': 4, 'b.x': 3, 'b.x.y': 2, 'b.z': 5, 'bb': 100}
    assert tool.macs_of('a', counts) == 10
    assert tool.macs_of('b', counts) == 8
    assert tool.macs_of('c', counts) == 0


def test_table(capsys, monkeypatch):
    noted = []
    note = tool.note_sampling
    monkeypatch.setattr(
        tool,
        'note_sampling',
        lambda macs, *shapes, **_: noted.append(shapes) or note(macs, *shapes),
    )
    tool.main([str(TINY), '--num-shots', '3', '--depth', '1'])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == '3 supports and 1 query of 64 x 64 pixels'
    shares = {line.split()[0]: float(line.split()[-1].rstrip('%')) for line in lines[3:-2]}
    parts = [shares[name] for name in ('backbone', 'neck', 'head')]
    assert all(share > 0 for share in parts)
    assert abs(sum(parts) + shares['outside'] - 100) < 0.3
    macs = sum(math.prod(index) * 32 for _, index, *_ in noted)
    assert macs > 0 and {table[1] for table, *_ in noted} == {32}
    assert lines[-1] == f'not counted: sampling of deformable attention, {macs / 1e9:.3f} G MACs'


def test_sampling_is_noted_and_not_counted():
    table, index, weight = torch.ones(7, 3), torch.zeros(5, 4, dtype=torch.int32), torch.ones(5, 4)
    noted = []
    count = {torch.ops.aten._embedding_bag: partial(tool.note_sampling, noted)}
    with FlopCounterMode(display=False, custom_mapping=count) as counter:
        weighted_rows(table, index, weight.requires_grad_())
    assert noted == [5 * 4 * 3] and counter.get_total_flops() == 0
