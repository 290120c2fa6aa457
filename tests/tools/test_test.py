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
    assert cfg.test_evaluator[-1] == dict(type='EpisodeDump', out_file='d.npz', given='any')
    assert cfg.custom_hooks[-1].out_dir == 's'
    assert cfg.test_dataloader.dataset.query_rotation == 40
    assert 'query_rotation' not in configure().test_dataloader.dataset


def test_the_dump_knows_the_rule_of_the_metric():
    cfg = configure('--dump', 'd.npz', '--cfg-options', 'test_evaluator.0.given=all')
    assert cfg.test_evaluator[-1].given == 'all'


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
    tool.write_json(str(tmp_path / 'm.json'), dict(a=dict(x=float('nan'), y=0.5)))
    assert json.loads((tmp_path / 'm.json').read_text()) == dict(a=dict(x=None, y=0.5))
    assert not list(tmp_path.glob('**/*.tmp'))


@pytest.mark.parametrize('option', ['--out', '--dump'])
@pytest.mark.parametrize('place', ['folder', 'file/below'])
def test_results_that_cannot_be_written_are_refused_at_once(tmp_path, monkeypatch, option, place):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'file').touch()
    monkeypatch.setattr(tool, 'configure', lambda args: pytest.fail('it went on'))
    path = str(tmp_path / place)
    with pytest.raises(ValueError, match=f'{option} .*{place}: no file can be written'):
        tool.main([str(TINY), 'a.pth', option, path])


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    def refuse(dir):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(tool.tempfile, 'TemporaryFile', refuse)
    with pytest.raises(ValueError, match=r'--out .*m\.json: no file can .*Permission denied'):
        tool.prepare_file('--out', str(tmp_path / 'm.json'))


def test_the_folder_of_the_results_is_made(tmp_path):
    tool.prepare_file('--out', str(tmp_path / 'new' / 'deep' / 'm.json'))
    assert list((tmp_path / 'new' / 'deep').iterdir()) == []


def test_checkpoint_of_another_model_is_refused(tiny_mp100, monkeypatch, tmp_path):
    import torch

    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))
    torch.save(dict(state_dict=dict(w=torch.ones(1))), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='other.pth has not the weights .*tiny_fmmp.py') as error:
        tool.main([str(TINY), str(tmp_path / 'other.pth'), '--work-dir', str(tmp_path)])
    words = str(error.value)
    assert 'unexpected key in source state_dict: w' in words and 'missing keys' in words
    assert ' more' in words and len(words) < 600
