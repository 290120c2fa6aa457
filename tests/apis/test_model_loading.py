from pathlib import Path

import pytest
import torch

from kpt_plugins.apis.model_loading import (
    build_dataset,
    build_model,
    find_device,
    load_model,
    predict_items,
)
from kpt_plugins.apis.run_config import load_config

TINY = Path(__file__).parents[1] / 'tiny_fmmp.py'


@pytest.fixture
def cfg(tiny_mp100, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))
    return load_config(TINY)


def test_devices(monkeypatch):
    assert find_device('cpu') == find_device(torch.device('cpu')) == torch.device('cpu')
    monkeypatch.setattr('kpt_plugins.apis.model_loading.get_device', lambda: 'cpu')
    assert find_device() == torch.device('cpu')
    for name in ('banana', 'cuda:99', 'cuda:x'):
        with pytest.raises(
            ValueError, match=rf"device '{name}' cannot be used, PyTorch finds \d+ "
        ):
            find_device(name)


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


def refusal(cfg, path, **changes):
    weights = {**build_model(cfg).state_dict(), **changes}
    torch.save(dict(state_dict={k: v for k, v in weights.items() if v is not None}), path)
    with pytest.raises(ValueError) as error:
        load_model(cfg, path)
    words = str(error.value)
    assert f'{path} has not the weights of the model of {cfg.filename}: ' in words
    return words


def test_other_weights_are_refused(cfg, tmp_path):
    names = [name for name, _ in build_model(cfg).named_parameters()]
    assert refusal(cfg, tmp_path / 'a.pth', w=torch.ones(2)).endswith('"w"')
    words = refusal(cfg, tmp_path / 'a.pth', **dict.fromkeys(names[:9]))
    assert all(f'"{name}"' in words for name in names[:3])
    assert f'"{names[3]}"' not in words and words.endswith('and 6 more')


def test_weights_of_another_shape_are_refused(cfg, tmp_path):
    names = [k for k, v in build_model(cfg).state_dict().items() if v.dim()][:5]
    words = refusal(cfg, tmp_path / 'a.pth', **{name: torch.ones(1, 2, 3) for name in names})
    assert words.count('size mismatch') == 3 and words.endswith('and 2 more')
    assert names[0] in words and 'torch.Size([1, 2, 3])' in words


def test_other_prototypes_are_refused(tmp_path):
    cfg = load_config('coke_livestock_cattle')
    torch.save(dict(state_dict=build_model(cfg).state_dict()), tmp_path / 'a.pth')
    cfg.model.head.num_keypoints = 12
    with pytest.raises(ValueError) as error:
        load_model(cfg, tmp_path / 'a.pth')
    words = str(error.value)
    assert f'{tmp_path / "a.pth"} has not the weights of the model of {cfg.filename}: ' in words
    assert 'has 18 prototypes of 64 numbers; the model has 12 of 64' in words
    assert 'by model.head.num_keypoints, num_classes and feat_dim of its config' in words


def test_missing_part(cfg):
    cfg.val_dataloader = None
    with pytest.raises(ValueError, match='no val_dataloader'):
        build_dataset(cfg, 'val')
