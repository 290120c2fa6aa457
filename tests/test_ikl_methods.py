"""What the methods are for: whole sequences of steps on drawn dots, from one base detector."""

import json
from pathlib import Path
from statistics import fmean

import pytest
from mmengine.runner import Runner

from tests.tiny_steps import STEPS, base_model, incremental_model, run_config, write_dots

EPOCHS = 40
METHODS = dict(
    finetune=dict(distillation=None, ka_net=None),
    lwf=dict(distillation=dict(type='ChannelDistillationLoss'), ka_net=None),
    ksd=dict(ka_net=None),
)


def scores(root: Path, folder: Path, model: dict, step: int, epochs: int) -> dict[str, float]:
    """PCK of every seen keypoint after training a step."""
    cfg = run_config(root, folder, model, step, epochs)
    cfg.train_dataloader.batch_size = 8
    cfg.optim_wrapper.optimizer.lr = 3e-3
    cfg.default_hooks.logger.interval = cfg.default_hooks.checkpoint.interval = 1000
    cfg.test_evaluator[0].out_file = str(folder / 'row.json')
    runner = Runner.from_cfg(cfg)
    runner.train()
    runner.test()
    return json.loads((folder / 'row.json').read_text())['values']


@pytest.fixture(scope='module')
def final(tmp_path_factory):
    """Mean over all keypoints after the last step, by method."""
    root = tmp_path_factory.mktemp('methods')
    data = write_dots(root / 'data', num_images=48)
    base = scores(data, root / 'base', base_model(), 0, 2 * EPOCHS)
    assert min(base.values()) > 90
    means = {}
    for method, options in METHODS.items():
        parent = root / 'base'
        for step in range(1, len(STEPS)):
            folder = root / f'{method}{step}'
            model = incremental_model(step, parent / 'detector.pth', **options)
            values = scores(data, folder, model, step, EPOCHS)
            parent = folder
        assert fmean(values[name] for name in STEPS[-1]) > 90, f'{method} learns the new ones'
        means[method] = fmean(values.values())
    return means


def test_fine_tuning_forgets(final):
    assert final['finetune'] < 40


def test_spatial_distillation_keeps(final):
    assert final['ksd'] > final['finetune'] + 25


def test_over_space_is_better_than_over_keypoints(final):
    assert final['ksd'] > final['lwf']
