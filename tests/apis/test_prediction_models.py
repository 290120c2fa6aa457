"""Models that predict, out of checkpoints and configs."""

import pytest
import torch

from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.model_source import read_model_source
from kpt_plugins.apis.prediction_models import build_few_shot_model, build_weak_shot_model
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.models.pose_estimators.weak_shot_pose_estimator import prediction_state_dict
from tests.tiny_matcher import write_matcher


def load_few_shot_model(model=None, weights=None):
    source = read_model_source(model, weights)
    return source.cfg, build_few_shot_model(source)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    return write_matcher(tmp_path_factory.mktemp('weights') / 'matcher.pth')


def test_config_from_the_checkpoint(weights):
    cfg, model = load_few_shot_model(weights=weights)
    assert cfg.model.type == 'FewShotPoseEstimator' and not model.training
    state = torch.load(weights)['state_dict']
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_given_config_wins(weights):
    with pytest.raises(ValueError, match='matcher.pth has not the weights of the model'):
        load_few_shot_model('fmmp_synth', weights)


def test_random_weights_and_config_objects():
    cfg = load_config('fmmp_synth')
    assert load_few_shot_model(cfg)[0] is cfg
    assert load_few_shot_model(cfg.to_dict())[0].model == cfg.model


def test_mistakes(weights, tmp_path):
    with pytest.raises(ValueError, match='expected a checkpoint, or a config'):
        load_few_shot_model()
    with pytest.raises(FileNotFoundError, match='no.pth'):
        load_few_shot_model(weights=tmp_path / 'no.pth')
    with pytest.raises(ValueError, match='is a detector, which takes no supports'):
        load_few_shot_model('coke_synth')
    with pytest.raises(ValueError, match='is a weak-shot model, .* no supports'):
        load_few_shot_model('weakshot_synth')
    with pytest.raises(ValueError, match="model.type is 'Nothing', which is not registered"):
        load_few_shot_model(dict(model=dict(type='Nothing')))
    bare = tmp_path / 'bare.pth'
    torch.save(torch.load(weights)['state_dict'], bare)
    with pytest.raises(ValueError, match='has no config'):
        load_few_shot_model(weights=bare)


class Evil:
    def __reduce__(self):
        return (eval, ('1 / 0',))


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / 'evil.pth'
    torch.save(dict(state_dict={}, meta=dict(cfg='', more=Evil())), path)
    with pytest.raises(ValueError, match='could run any code'):
        load_few_shot_model(weights=path)


def load_weak_shot_model(model=None, weights=None):
    source = read_model_source(model, weights)
    return source, build_weak_shot_model(source)


@pytest.mark.parametrize('assigner', ['pair', 'class_ema'])
@pytest.mark.parametrize('choose', [dict, prediction_state_dict])
def test_whole_checkpoints_and_those_for_prediction(tmp_path, assigner, choose):
    options = {'model.assigner.mode': assigner, 'model.assigner.num_prompts': 48}
    cfg = load_config('weakshot_synth', options if assigner == 'class_ema' else None)
    state = build_model(cfg).state_dict()
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict=choose(state), meta=dict(cfg=cfg.pretty_text, epoch=3)), path)
    source, model = load_weak_shot_model(weights=path)
    assert source.meta['epoch'] == 3 and source.where == str(path)
    assert source.cfg.model.keyness is not None  # what was read stays as it was
    assert model.keyness is None and model.correspondence is None and not model.losses
    assert not model.training
    loaded = model.state_dict()
    assert loaded.keys() == prediction_state_dict(state).keys()
    assert all(torch.equal(value, state[name]) for name, value in loaded.items())


def test_given_config_wins_and_stays(tmp_path):
    cfg = load_config('weakshot_synth')
    torch.save(build_model(cfg).state_dict(), tmp_path / 'bare.pth')
    source, _ = load_weak_shot_model(cfg, tmp_path / 'bare.pth')
    assert source.cfg is cfg and cfg.model.losses and source.meta == {}
    with pytest.raises(ValueError, match='has no config'):
        load_weak_shot_model(weights=tmp_path / 'bare.pth')
