import argparse

import pytest
import torch

from kpt_plugins.apis.model_loading import build_model

from .loading import load_benchmark

speed = load_benchmark('coke_speed')
NAME = 'coke_livestock_cattle'


@pytest.fixture(scope='module')
def configs():
    return speed.read_configs(NAME)


def test_pairs_share_the_extractor():
    for pair in speed.PAIRS:
        name, size = speed.parse_pair(pair)
        configs = speed.read_configs(name)
        assert size > 0 and set(configs) == set(speed.KINDS)
        assert configs['coke'].model.neck == configs['heatmap'].model.neck
        assert configs['coke'].model.head.type == 'CoKeHead'
        assert configs['heatmap'].model.head.type == 'HeatmapHead'


@pytest.mark.parametrize('kind', speed.KINDS)
def test_steps_train_and_inference_does_not(kind, configs):
    torch.manual_seed(0)
    model = build_model(configs[kind])
    inputs, samples = speed.make_batch(configs[kind], 2)
    assert inputs.shape == (2, 3, 128, 128)
    before = model.backbone.conv1.weight.clone()
    step = speed.training_step(model, inputs, samples)
    step(), step()  # the first makes the prototypes
    trained = model.backbone.conv1.weight.clone()
    assert not torch.equal(trained, before)
    statistics = model.backbone.bn1.running_mean.clone()
    for decode in (False, True):
        speed.inference(model, inputs, samples, decode)()
    assert torch.equal(model.backbone.conv1.weight, trained)
    assert torch.equal(model.backbone.bn1.running_mean, statistics)


def test_images_of_both_are_the_same(configs):
    batches = [speed.make_batch(configs[kind], 2)[0] for kind in speed.KINDS]
    assert torch.equal(*batches)


@pytest.mark.parametrize('weight, terms', [(0.0, 2), (1.0, 3)])
def test_loss_has_the_stated_sizes(weight, terms, configs, monkeypatch):
    seen = {}

    class Loss(speed.MODELS.get('CoKeContrastiveLoss')):
        def forward(self, *arguments):
            seen.update(arguments=arguments, losses=super().forward(*arguments))
            return seen['losses']

    monkeypatch.setattr(speed.MODELS, 'build', lambda cfg: Loss(spatial_weight=weight))
    speed.loss_step(configs['coke'], 3)()
    features, _, _, prototypes, noise, _, clutter, filled, maps, _ = seen['arguments']
    assert features.shape == (3, 18, 64) and prototypes.shape == (18, 64)
    assert clutter.shape == (2560, 64) and filled == 2560
    assert noise.shape == (3, 10, 64)
    assert (maps is None) if weight == 0 else maps.shape == (3, 18, 32 * 32)
    assert len(seen['losses']) == terms
    assert features.grad.abs().sum() > 0


def test_main_prints_every_number(capsys):
    speed.main(['--pairs', f'{NAME}:1', '--rounds', '1', '--loss-images', '2'])
    printed = capsys.readouterr().out
    for words in ('training step', 'inference, maps', 'inference, keypoints'):
        assert f'{words}, coke / heatmap: ' in printed
    assert 'spatial_weight=0: ' in printed and 'spatial_weight=1: ' in printed


def test_memory_is_measured_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', 'data')  # of which MMEngine prints a line
    assert 5 < speed.peak_memory(NAME, 2, 'coke') < 2000


@pytest.mark.parametrize('text', ['name', 'name:', ':4', 'name:0', 'name:x'])
def test_wrong_pair(text):
    with pytest.raises(argparse.ArgumentTypeError, match='CONFIG:BATCH_SIZE'):
        speed.parse_pair(text)
