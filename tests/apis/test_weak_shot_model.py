"""The part of a weak-shot model that predicts."""

import pytest
import torch

from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.model_source import read_model_source
from kpt_plugins.apis.prediction_models import build_weak_shot_model
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.models.pose_estimators.weak_shot_pose_estimator import prediction_state_dict


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
