from pathlib import Path

import pytest
import torch

from kpt_plugins.apis.model_loading import build_dataset, build_model, load_model, predict_items
from kpt_plugins.apis.run_config import load_config

TINY = Path(__file__).parents[1] / 'tiny_fmmp.py'


@pytest.fixture
def cfg(tiny_mp100, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))
    return load_config(TINY)


def test_saved_weights_predict_the_same(cfg, tmp_path):
    model = build_model(cfg)
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'a.pth')
    items = [build_dataset(cfg, 'test')[i] for i in (0, 5)]
    expected = predict_items(model, items)
    again = predict_items(load_model(cfg, tmp_path / 'a.pth'), items)
    for one, other in zip(expected, again, strict=True):
        assert (one.pred_instances.keypoints == other.pred_instances.keypoints).all()


def test_other_weights_are_refused(cfg, tmp_path):
    torch.save(dict(state_dict=dict(w=torch.ones(2))), tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='not the weights of this config'):
        load_model(cfg, tmp_path / 'a.pth')


def test_missing_part(cfg):
    cfg.val_dataloader = None
    with pytest.raises(ValueError, match='no val_dataloader'):
        build_dataset(cfg, 'val')
