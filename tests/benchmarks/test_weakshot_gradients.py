"""Gradients of novel losses against those of the labels, on a tiny model."""

import torch

from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.run_config import load_config
from tests.apis.test_prompt_assignment import TINY

from .loading import load_benchmark

tool = load_benchmark('weakshot_gradients')


def test_norms_and_cosines(tiny_mp100, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))
    torch.manual_seed(0)
    path = tmp_path / 'model.pth'
    torch.save(dict(state_dict=build_model(load_config(TINY)).state_dict()), path)
    rows = tool.compare(str(TINY), str(path), epoch=0, pairs=2)
    names = ['guiding', 'consistency', 'equivariance', 'localization']
    assert list(rows) == ['labels', *names, 'all']
    # untrained, the keyness map lies below its dead zone: no guidance
    assert rows['guiding'] == (0, 0)
    assert all(rows[name][0] > 0 and -1 <= rows[name][1] <= 1 for name in [*names[1:], 'all'])
    assert rows['all'][0] <= sum(rows[name][0] for name in names)
    tool.main([str(TINY), str(path), '--batches', '1', '--pairs', '2'])
    (line,) = (text for text in capsys.readouterr().out.splitlines() if text.startswith('batch '))
    assert line.startswith('batch 0: norm (cosine with labels): labels ')


def test_gradient_is_that_of_the_prompts_branch_alone():
    model = torch.nn.ModuleDict(dict(head=torch.nn.Linear(2, 1), keyness=torch.nn.Linear(2, 1)))
    x = torch.tensor([1.0, 2.0])
    found = tool.gradient(model, model['head'](x).sum() + model['keyness'](x).sum())
    assert found.tolist() == [1, 2, 1]
