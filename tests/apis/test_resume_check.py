import pytest

from kpt_plugins.apis.config_lookup import shipped_configs
from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.resume_check import differing_keys, model_part, require_same_model
from kpt_plugins.apis.run_config import load_config
from tests.apis.test_model_loading import TINY
from tests.tiny_fmmp import model as tiny_model


@pytest.fixture(scope='module')
def checkpoint():
    cfg = load_config(TINY)
    return dict(state_dict=build_model(cfg).state_dict(), meta=dict(cfg=cfg.pretty_text))


def test_a_changed_model_is_refused(checkpoint):
    cfg = load_config(TINY, {'model.head.num_layers': tiny_model['head']['num_layers'] + 1})
    words = 'a.pth cannot be resumed from with .*tiny_fmmp.py: .* differs in model.head.num_layers;'
    with pytest.raises(ValueError, match=words):
        require_same_model(cfg, checkpoint, 'a.pth')


def test_the_same_model_is_not_even_built(checkpoint, monkeypatch):
    monkeypatch.setattr('kpt_plugins.apis.resume_check.build_model', pytest.fail)
    require_same_model(load_config(TINY), checkpoint, 'a.pth')
    other_training = load_config(TINY, {'optim_wrapper.optimizer.lr': 0.5})
    require_same_model(other_training, checkpoint, 'a.pth')


@pytest.mark.parametrize('key', ['model.backbone.init_cfg', 'model.init_cfg'])
def test_harmless_changes_pass(checkpoint, key):
    options = {key: dict(type='Pretrained', checkpoint='elsewhere.pth')}
    require_same_model(load_config(TINY, options), checkpoint, 'a.pth')


@pytest.mark.parametrize('text', [None, '', 'lr = 1', 'model = dict(', 'model = open("x", "w")'])
def test_checkpoints_without_a_readable_config_pass(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    require_same_model(load_config(TINY), dict(state_dict={}, meta=dict(cfg=text)), 'a.pth')
    assert not list(tmp_path.iterdir())


def test_keys():
    one, other = dict(a=1, b=dict(c=[1, 2], d=0)), dict(b=dict(c=[1, 3], e=0), a=1)
    assert list(differing_keys(one, other)) == ['model.b.c', 'model.b.d', 'model.b.e']
    assert list(differing_keys(dict(a=1), None)) == ['model']


@pytest.mark.parametrize('name', sorted(shipped_configs()))
def test_models_of_all_configs_are_read_back(name):
    cfg = load_config(name)
    read = model_part(cfg.pretty_text)
    assert read['type'] == cfg.model.type and set(read) == set(cfg.model)
    assert set(read['backbone']) == set(cfg.model.backbone)
