import pytest
import torch
from torch import nn

from .loading import load_benchmark

pytest.importorskip('diffusers', reason='diffusers, an optional extra, is not installed')
readout = load_benchmark('diffusion_readout')
speed = load_benchmark('weakshot_speed')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return readout.write_tiny_diffusion(tmp_path_factory.mktemp('diffusion'), latents=32)


def test_kept_is_counted_once_and_without_weights():
    model = nn.Linear(1024, 256, bias=False)
    values = torch.rand(512, 1024)
    # the linear layer keeps its 2 MiB of input, exp its 0.5 MiB of output
    assert readout.kept_mib(model, lambda: model(values).exp()) == pytest.approx(2.5)

    def product():
        result = model(values)
        return result * result  # keeps one tensor twice

    assert readout.kept_mib(model, product) == pytest.approx(2.5)
    with torch.no_grad():
        assert readout.kept_mib(model, lambda: model(values).exp()) == 0


def test_formula_and_what_is_kept(folder):
    keys, through = (readout.build_backbone(folder, flag, 16) for flag in (False, True))
    images = readout.make_images(keys, 1)
    assert images.shape == (1, 3, 64, 64)
    # four layers of as many heads
    heads = 4 * keys.unet.config.attention_head_dim
    assert readout.formula_mib(keys, 1, 16) == heads * 16 * 16 * 116 * 4 / 2**20
    assert readout.formula_mib(keys, 2, 32) == 8 * readout.formula_mib(keys, 1, 16)
    kept = readout.kept_mib(keys, lambda: keys(images))
    assert 1 < kept / readout.formula_mib(keys, 1, 16) < 1.5
    assert readout.kept_mib(through, lambda: through(images)) > 1.2 * kept


@pytest.mark.parametrize('flag', [False, True])
def test_step_teaches_the_prompts(flag, folder):
    backbone = readout.build_backbone(folder, flag, 8)
    readout.prompt_step(backbone, readout.make_images(backbone, 1))()
    assert backbone.prompts.grad.abs().sum() > 0


def test_comparison_prints_every_number(folder, capsys):
    args = speed.parse_args(['--images', '1', '--map-size', '8', '--rounds', '1'])
    speed.compare_diffusion(args, folder)
    printed = capsys.readouterr().out
    assert 'read-out, kept for backward / formula: ' in printed
    assert 'kept for backward, through the UNet / keys alone: ' in printed
    assert 'step, through the UNet / keys alone: ' in printed
