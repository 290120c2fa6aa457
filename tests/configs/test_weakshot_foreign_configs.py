"""The models on backbones of other libraries learn and predict; here on small ones."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from kpt_plugins.apis import config_folder
from kpt_plugins.apis.model_loading import build_dataset, build_model
from kpt_plugins.apis.run_config import load_config
from tests.models.backbones.tiny_diffusion import write_diffusion

MODELS = config_folder() / '_base_' / 'models'
needs_diffusers = pytest.mark.skipif(
    find_spec('diffusers') is None, reason='diffusers, an optional extra, is not installed'
)
needs_timm = pytest.mark.skipif(
    find_spec('timm') is None, reason='timm, an optional extra, is not installed'
)


def tiny(name: str, folder) -> tuple[torch.nn.Module, int]:
    """The model with a small backbone; and the side of its images."""
    cfg = Config.fromfile(MODELS / f'weakshot_{name}.py')
    if name == 'sd15':
        cfg.model.backbone.update(model=str(write_diffusion(folder)), map_size=16)
        cfg.model.neck.in_channels = [16, 16, 32, 32]
        side = 32
    else:
        cfg.model.backbone.update(pretrained=False, img_size=56)
        cfg.model.neck.out_size = (16, 16)
        side = 56
    torch.manual_seed(0)
    return build_model(cfg), side


def pair(base: bool, category: int, side: int) -> list[PoseDataSample]:
    samples = []
    for _ in range(2):
        sample = PoseDataSample(
            metainfo=dict(
                category_id=category,
                is_base=base,
                role='train',
                input_size=(side, side),
                crop_to_image=np.eye(2, 3, dtype=np.float32),
            )
        )
        sample.gt_instances = InstanceData(bboxes=np.array([[0, 0, side, side]], np.float32))
        if base:
            points = torch.tensor([[[0.2, 0.3], [0.7, 0.4], [0.5, 0.8]]])
            sample.gt_instance_labels = InstanceData(
                keypoints=points, keypoints_visible=torch.ones(1, 3)
            )
        samples.append(sample)
    return samples


@pytest.mark.parametrize(
    'name', [pytest.param('sd15', marks=needs_diffusers), pytest.param('dinov2', marks=needs_timm)]
)
def test_trains_and_predicts(name, tmp_path):
    model, side = tiny(name, tmp_path)
    model.train()
    samples = [*pair(True, 1, side), *pair(False, 2, side)]
    inputs = [torch.randint(0, 255, (3, side, side), dtype=torch.uint8) for _ in samples]
    data = model.data_preprocessor(dict(inputs=inputs, data_samples=samples), training=True)
    if name == 'sd15':
        assert -1 <= data['inputs'].min() < -0.9 and 0.9 < data['inputs'].max() <= 1
    losses = model.loss(**data)
    assert len(losses) == 7
    total = sum(losses.values())
    assert torch.isfinite(total)
    total.backward()
    frozen = ('backbone.unet.', 'backbone.vae.', 'backbone.model.')
    for parameter, value in model.named_parameters():
        if parameter.startswith(frozen):
            assert value.grad is None
        else:
            assert value.grad is not None and torch.isfinite(value.grad).all(), parameter
    assert any('prompts' in n and v.grad.abs().sum() > 0 for n, v in model.named_parameters())

    model.eval()
    with torch.no_grad():
        first, *_ = model.predict(
            **model.data_preprocessor(dict(inputs=inputs, data_samples=samples))
        )
    assert first.pred_instances.keypoints.shape == (1, 100, 2)
    assert first.pred_instances.keypoint_scores.shape == (1, 100)
    assert np.isfinite(first.pred_instances.keypoints).all()


@needs_diffusers
def test_levels_of_stable_diffusion_are_those_of_the_config():
    from diffusers import UNet2DConditionModel

    cfg = Config.fromfile(MODELS / 'weakshot_sd15.py')
    with torch.device('meta'):
        unet = UNet2DConditionModel(cross_attention_dim=768, sample_size=64)
    blocks = [block for up in reversed(unet.up_blocks) for block in reversed(up.resnets)]
    assert [block.out_channels for block in blocks] == cfg.model.neck.in_channels


@needs_timm
def test_levels_of_dinov2_are_those_of_the_config():
    cfg = Config.fromfile(MODELS / 'weakshot_dinov2.py')
    with torch.device('meta'):
        model = build_model(cfg)
        features = model.extract_feat(torch.empty(1, 3, 448, 448))
        heatmaps = model.heatmaps(features)
    assert [tuple(level.shape) for level in features.levels] == [(1, 384, 32, 32)] * 4
    assert heatmaps.shape == (1, 100, 64, 64)


@pytest.mark.parametrize(('name', 'side'), [('sd15', 512), ('dinov2', 448)])
def test_experiments_cut_crops_of_the_models_size(name, side, tiny_mp100, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))
    cfg = load_config(f'weakshot_mp100_split1_{name}')
    for item in build_dataset(cfg, 'train')[0]:
        assert item['inputs'].shape == (3, side, side)
    for part in ('val', 'test'):
        assert build_dataset(cfg, part)[0]['inputs'].shape == (3, side, side)
    assert {'NovelWarmupHook', 'PromptUsageHook'} <= {hook.type for hook in cfg.custom_hooks}
    assert cfg.train_dataloader.dataset.max_keypoints == cfg.model.head.num_prompts
    assert cfg.auto_scale_lr.base_batch_size == cfg.train_dataloader.batch_size
    assert cfg.param_scheduler[1].end == cfg.train_cfg.max_epochs


@needs_diffusers
def test_rates_of_prompts_and_of_the_rest(tmp_path):
    """The schedule's slow backbone is not meant for its prompts."""
    cfg = load_config('weakshot_mp100_split1_sd15')
    model, _ = tiny('sd15', tmp_path)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    rates = {id(p): group['lr'] for group in optimizer.param_groups for p in group['params']}
    assert rates[id(model.backbone.prompts)] == pytest.approx(5e-3)
    assert rates[id(model.neck.mixing)] == pytest.approx(1e-3)
