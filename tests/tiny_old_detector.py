"""An old detector of four keypoints as MMPose has it, and annotations of two new ones."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from mmengine.config import Config
from mmpose.apis import init_model

from tests.helpers import write_json
from tests.tiny_steps import CODEC, METAINFO, NAMES, base_model, dataset, write_dots

OLD, NEW = NAMES[:4], NAMES[4:]
NUM_IMAGES = 6
HRNET = dict(
    type='HRNet',
    extra=dict(
        stage1=dict(
            num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1,), num_channels=(4,)
        ),
        **{
            f'stage{n}': dict(
                num_modules=1,
                num_branches=n,
                block='BASIC',
                num_blocks=(1,) * n,
                num_channels=(4, 8, 16, 32)[:n],
            )
            for n in (2, 3, 4)
        },
    ),
)
HRNET_HEAD = dict(in_channels=4, deconv_out_channels=None, deconv_kernel_sizes=())
# A transformer over patches of 16 x 16 pixels with one map, as ViTPose's backbone.
VIT_MODULE = """
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import nn


@MODELS.register_module()
class TinyPatchTransformer(BaseModule):
    def __init__(self, channels=8, init_cfg=None):
        super().__init__(init_cfg)
        self.patches = nn.Conv2d(3, channels, 16, 16)
        self.block = nn.TransformerEncoderLayer(channels, 2, 16, batch_first=True)

    def forward(self, x):
        maps = self.patches(x)
        tokens = self.block(maps.flatten(2).transpose(1, 2))
        return (tokens.transpose(1, 2).reshape(maps.shape),)
"""
VIT = dict(type='TinyPatchTransformer')
VIT_HEAD = dict(in_channels=8, deconv_out_channels=(8, 8), deconv_kernel_sizes=(4, 4))


def cut(content: dict, first: int, last: int) -> dict:
    """An annotation file with some of its keypoints only."""
    content = json.loads(json.dumps(content))
    content['categories'][0]['keypoints'] = list(NAMES[first:last])
    for annotation in content['annotations']:
        annotation['keypoints'] = annotation['keypoints'][3 * first : 3 * last]
        annotation['num_keypoints'] = last - first
    return content


def write_config(path: Path, cfg: Config) -> Path:
    """Write a config, without the formatting that makes ``Config.dump`` slow."""
    path.write_text(''.join(f'{key} = {value!r}\n' for key, value in cfg.to_dict().items()))
    return path


def write_old_detector(root: Path) -> Path:
    """Write ``old.py``, ``old.pth``, ``new.json`` and ``data/images``; returns the root."""
    write_dots(root / 'data', num_images=NUM_IMAGES)
    write_detector(root, 'old')
    content = json.loads((root / 'data' / 'dots.json').read_text())
    write_json(root / 'new.json', cut(content, 4, 6))
    return root


def write_detector(
    root: Path,
    name: str,
    backbone: dict | None = None,
    head: dict | None = None,
    imports: dict | None = None,
    size: int = 48,
) -> None:
    """Write the config and the random weights of a detector of the old keypoints.

    All of its heatmaps peak above the miner's threshold. Its input is `size` pixels wide and high.
    """
    codec = dict(CODEC, input_size=(size, size), heatmap_size=(size // 4, size // 4))
    info = dict(METAINFO, joint_weights=[1.0] * 4, sigmas=[0.05] * 4)
    info['keypoint_info'] = {i: METAINFO['keypoint_info'][i] for i in range(4)}
    info['skeleton_info'] = {i: METAINFO['skeleton_info'][i] for i in range(3)}
    test = dataset(root, 0, test=True)
    test['pipeline'][2]['input_size'] = (size, size)
    part = dict(type='CocoDataset', metainfo=info, ann_file='x.json', pipeline=test['pipeline'])
    model = base_model(4)
    model['backbone'] = backbone or model['backbone']
    model['head'].update(head or {}, decoder=codec)
    cfg = Config(
        dict(
            default_scope='mmpose',
            model=model,
            train_dataloader=dict(dataset=part),
            test_dataloader=dict(dataset=part),
            **(dict(custom_imports=imports) if imports else {}),
        )
    )
    write_config(root / f'{name}.py', cfg)
    torch.manual_seed(0)
    model = init_model(cfg, device='cpu')
    torch.nn.init.constant_(model.head.final_layer.bias, 1.0)
    torch.save(dict(state_dict=model.state_dict()), root / f'{name}.pth')
