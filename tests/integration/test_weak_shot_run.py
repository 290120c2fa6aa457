"""The weak-shot method through MMEngine's runner, and what must not reach its training."""

import json

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner

from kpt_plugins.apis.model_loading import build_dataset, build_model, load_model, predict_items
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.datasets import pair_collate
from tests.apis.test_prompt_assignment import TINY
from tests.datasets.test_category_pair_dataset import NOVEL_CHANGES, rewrite


@pytest.fixture(autouse=True)
def _data(tiny_mp100, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))


def losses(cfg, novel_scale=1.0):
    """Losses and gradients of two batches."""
    torch.manual_seed(0)
    model = build_model(cfg).train()
    model.novel_scale = novel_scale
    dataset = build_dataset(cfg, 'train')
    found = []
    for start in (0, 4):
        batch = pair_collate([dataset[i] for i in range(start, start + 4)])
        data = model.data_preprocessor(batch, True)
        torch.manual_seed(1)
        terms = model(**data, mode='loss')
        sum(terms.values()).backward()
        found += [terms[name].detach() for name in sorted(terms)]
    return found + [p.grad for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize(
    'subset, change', [*(('test', change) for change in NOVEL_CHANGES), ('train', NOVEL_CHANGES[0])]
)
def test_novel_keypoints_do_not_change_a_bit_of_training(tiny_mp100, tmp_path, subset, change):
    """Losses and gradients, with the keypoints of novel or, as a check, of base changed."""
    expected = losses(load_config(TINY))
    changed = rewrite(tiny_mp100, tmp_path / 'mp100', subset, change)
    cfg = load_config(TINY)
    part = 'novel' if subset == 'test' else 'base'
    cfg.train_dataloader.dataset[part].data_root = str(changed)
    found = losses(cfg)
    same = [torch.equal(a, b) for a, b in zip(expected, found, strict=True)]
    assert all(same) if part == 'novel' else not all(same)


def test_trains_evaluates_and_predicts(tmp_path):
    options = {
        'work_dir': str(tmp_path),
        'train_cfg.max_epochs': 1,
        'train_cfg.val_interval': 1,
        'param_scheduler': [],
        'custom_hooks.4.begin': 0.0,
        'custom_hooks.4.ramp': 0.0,
        # MMEngine would go on with that of another run of this process
        'visualizer.name': 'weak_shot_run',
    }
    cfg = load_config(TINY, options)
    runner = Runner.from_cfg(cfg)
    runner.train()
    (log,) = tmp_path.glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    scores = next(row for row in rows if 'novel/mAP' in row)
    for kind in ('novel', 'base', 'mean_pose/novel'):
        assert 0 <= scores[f'{kind}/mPCK'] <= 1 and scores[f'{kind}/L2_px256'] > 0

    model = load_model(load_config(TINY), tmp_path / 'epoch_1.pth')
    dataset = build_dataset(load_config(TINY), 'test')
    (sample,) = predict_items(model, [dataset[0]])
    assert sample.pred_instances.keypoints.shape == (1, 14, 2)
    # one image needs no pair, and no label
    item = dataset[0]
    del item['data_samples'].gt_instance_labels
    again = model.test_step(pseudo_collate([item]))[0]
    np.testing.assert_allclose(
        again.pred_instances.keypoints, sample.pred_instances.keypoints, atol=1e-3
    )
