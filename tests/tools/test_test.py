import json

import pytest

from kpt_plugins.evaluation import EpisodeKeypointMetric, pair_record
from tests.apis.test_model_loading import TINY
from tests.evaluation.pair_samples import make_sample
from tests.tools.tool import load_tool

tool = load_tool('test')


def configure(*argv):
    return tool.configure(tool.parse_args([str(TINY), 'a.pth', *map(str, argv)]))


def test_arguments_reach_the_config():
    cfg = configure('--dump', 'd.npz', '--show-dir', 's', '--query-rotation', 40)
    assert cfg.test_evaluator[-1] == dict(type='EpisodeDump', out_file='d.npz')
    assert cfg.custom_hooks[-1].out_dir == 's'
    assert cfg.test_dataloader.dataset.query_rotation == 40
    assert 'query_rotation' not in configure().test_dataloader.dataset


def test_scores_are_grouped_by_metric():
    metrics = [EpisodeKeypointMetric(thresholds=(0.1, 0.3)), EpisodeKeypointMetric(prefix='b')]
    flat = {}
    for metric in metrics:
        scores = metric.evaluate_pairs([pair_record(make_sample(0).to_dict())])
        flat.update({f'{metric.prefix}/{name}': value for name, value in scores.items()})
    nested = tool.nested_scores(flat, metrics)
    assert set(nested) == {'model', 'b'}
    assert nested['model']['mPCK'] == flat['model/mPCK']
    assert nested['model']['thresholds'] == [0.1, 0.3]
    assert nested['b']['per_category']['3']['name'] == 'category 3'
    assert nested['b']['per_category']['3']['PCK@0.05'] == flat['b/PCK@0.05']


def test_undefined_scores_become_null(tmp_path):
    tool.write_json(str(tmp_path / 'new' / 'm.json'), dict(a=dict(x=float('nan'), y=0.5)))
    assert json.loads((tmp_path / 'new' / 'm.json').read_text()) == dict(a=dict(x=None, y=0.5))
    assert not list(tmp_path.glob('**/*.tmp'))


def test_checkpoint_of_another_model_is_refused(tiny_mp100, monkeypatch, tmp_path):
    import torch

    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))
    torch.save(dict(state_dict=dict(w=torch.ones(1))), tmp_path / 'other.pth')
    with pytest.raises(RuntimeError, match='(?i)missing key'):
        tool.main([str(TINY), str(tmp_path / 'other.pth'), '--work-dir', str(tmp_path)])
