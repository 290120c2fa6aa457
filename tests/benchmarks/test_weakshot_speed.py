import pytest
import torch

from kpt_plugins.apis.run_config import load_config

from .loading import load_benchmark

speed = load_benchmark('weakshot_speed')
NAME = 'weakshot_synth'


@pytest.fixture(scope='module')
def cfg():
    return load_config(NAME)


def test_batches(cfg):
    inputs, samples = speed.make_batch(cfg, 3, False)
    assert inputs.shape == (6, 3, 96, 96)
    assert [s.is_base for s in samples] == [True] * 2 + [False] * 2 + [True] * 2
    assert ['gt_instance_labels' in s for s in samples] == [s.is_base for s in samples]
    same, labelled = speed.make_batch(cfg, 3, True)
    assert torch.equal(inputs, same)
    assert all(s.is_base and 'gt_instance_labels' in s for s in labelled)


@pytest.mark.parametrize(
    'kind, images',
    # the full method looks at the moved novel images as well
    [('full', 2 + 2 + 2), ('labelled', 4), ('skipped', 2)],
)
def test_images_that_a_step_looks_at(kind, images, monkeypatch):
    seen = []
    build = speed.build_model

    def spied(cfg):
        model = build(cfg)
        model.backbone.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
        return model

    monkeypatch.setattr(speed, 'build_model', spied)
    speed.training_step(NAME, kind, 2)()
    assert sum(seen) == images


def test_bare_detector_gives_maps_of_the_same_size(cfg):
    inputs, _ = speed.make_batch(cfg, 1, True)
    bare = speed.bare_detector(cfg, (24, 24), inputs)
    assert bare['head'](bare['backbone'](inputs)).shape == (2, speed.KEYPOINTS, 24, 24)
    with pytest.raises(ValueError, match='1, 2, 4, 8'):
        speed.bare_detector(cfg, (18, 18), inputs)


def test_main_prints_every_number(capsys):
    speed.main(['--pairs', '2', '--rounds', '1', '--no-diffusion'])
    printed = capsys.readouterr().out
    for title in speed.STEPS.values():
        assert f'training step, full / {title}: ' in printed
    for title in speed.READINGS.values():
        assert f'inference, {title} / bare' in printed


def test_one_pair_is_refused(capsys):
    with pytest.raises(SystemExit):
        speed.parse_args(['--pairs', '1'])
    assert 'a base and a novel one' in capsys.readouterr().err


def test_memory_is_measured_in_a_process_of_its_own():
    args = speed.parse_args(['--pairs', '2'])
    assert 5 < speed.peak_memory(args, 'skipped') < 2000
