"""An untrained few-shot model that finds a support's keypoints in shifted copies of the support."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.run_config import load_config

POINTS = np.array([[120.0, 60], [300, 60], [320, 200], [90, 180]])
BOX = [70, 40, 340, 220]
SIZE = (400, 240)


def write_matcher(path: Path) -> Path:
    """Write a checkpoint with its config; the model compares random features as they are."""
    cfg = load_config('fmmp_synth')
    cfg.model.head.num_layers = 0
    cfg.model.head.proposal = dict(temperature=0.01)
    torch.manual_seed(0)
    model = build_model(cfg)
    proposal = model.head.proposal
    same = torch.eye(cfg.model.head.dims)
    proposal.keypoint_projection.weight.data = same
    proposal.map_projection.weight.data = same[..., None, None]
    torch.save(dict(state_dict=model.state_dict(), meta=dict(cfg=cfg.pretty_text)), path)
    return path


def draw_object(shift: tuple[int, int] = (0, 0)) -> np.ndarray:
    """A picture of SIZE with four discs at POINTS + shift; BGR."""
    rng = np.random.default_rng(0)
    image = rng.integers(256, size=(*SIZE[::-1], 3), dtype=np.uint8)
    image = cv2.normalize(cv2.GaussianBlur(image, (0, 0), 6), None, 0, 255, cv2.NORM_MINMAX)
    corners = POINTS.astype(int)
    cv2.polylines(image, [corners.reshape(-1, 1, 2)], True, (255, 255, 255), 8)
    for point, color in zip(
        corners.tolist(), [(255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 255, 255)], strict=True
    ):
        cv2.circle(image, point, 14, color, -1)
    return cv2.warpAffine(image, np.float64([[1, 0, shift[0]], [0, 1, shift[1]]]), SIZE)


def shifted(box: list, shift: tuple[int, int]) -> list:
    """A box moved by a shift."""
    return [value + move for value, move in zip(box, (*shift, *shift), strict=True)]
