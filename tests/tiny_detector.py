"""A detector of a few channels with random weights."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.apis.detector_backbone import resnet
from kpt_plugins.apis.detector_config import DetectorOptions, LabelledFiles, detector_config
from kpt_plugins.apis.model_loading import build_model

CATEGORY = KeypointCategory(  # more than ten keypoints: ids of two digits
    'goat',
    ['nose', *(f'{side} {i}' for i in range(6) for side in ('right', 'left'))],
    [(0, 3), (0, 12)],
    [(2 * i + 2, 2 * i + 1) for i in range(6)],
)


def write_detector(folder: Path, method: str = 'heatmap', unlabelled: Sequence[str] = ()) -> Path:
    """Write ``detector.py`` and ``weights.pth``, which holds the config too, and return the path of
    the weights. The maps of no keypoint are flat, and no two are the same."""
    wide = resnet(18, False)
    narrow = dict(wide.config, stem_channels=8, base_channels=8)
    backbone = replace(wide, config=narrow, channels=(16, 32, 64))
    options = DetectorOptions(method, input_size=(64, 64), backbone=backbone)
    cfg = detector_config(CATEGORY, [LabelledFiles('a.json', '', 1)], options, unlabelled)
    torch.manual_seed(0)
    model = build_model(cfg).train()
    with torch.no_grad():  # statistics of the batch norms
        for _ in range(30):
            model.head(model.extract_feat(torch.rand(8, 3, 64, 64) * 4 - 2))
    if method == 'coke':
        torch.nn.init.normal_(model.head.bank.theta)
    (folder / 'detector.py').write_text(cfg.pretty_text)
    content = dict(state_dict=model.state_dict(), meta=dict(cfg=cfg.pretty_text))
    torch.save(content, folder / 'weights.pth')
    return folder / 'weights.pth'
