"""A trained model into a folder of graphs and their description."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmpose.models.heads import HeatmapHead
from torch import nn

from kpt_plugins.models.heads import CoKeHead
from kpt_plugins.models.pose_estimators import FewShotPoseEstimator, WeakShotPoseEstimator

from .description import (
    FILE,
    FORMAT,
    describe_crop,
    describe_episode,
    describe_keypoints,
    find_transform,
)
from .detector_graphs import CoKeGraph, HeatmapGraph, PromptGraph
from .few_shot_graphs import EPISODE, QueryGraph, SupportGraph
from .onnx_graph import Graph, require_packages, write_graph

BATCH = 2
"""Sizes of the examples' free axes: one would be taken for a constant."""


def export_model(
    model: nn.Module,
    cfg: Config,
    out: str | Path,
    meta: Mapping[str, Any] | None = None,
    flip_test: bool | None = None,
    force: bool = False,
) -> list[Path]:
    """Write a model's ONNX graphs, and ``export.json`` with what running them needs.

    Few-shot models become ``support.onnx`` and ``query.onnx``, all others ``detector.onnx``. The
    graphs take normalised crops, ``float32 (B, 3, H, W)``, of any number, and the query graph
    answers with ``keypoints`` ``(B, K, 2)`` in pixels of the crop and ``scores`` ``(B, K)``, what
    the model's own ``predict`` says before it goes back to the image.

    Args:
        model: In evaluation mode, on the CPU.
        cfg: Of its experiment; the test pipeline tells how crops are made.
        out: Folder, made if it is not there.
        meta: Of the checkpoint, for the names of the keypoints.
        flip_test: Average over the mirrored crop, which doubles the time; by default what the
            model's ``test_cfg`` says.
        force: Replace files of an earlier export.

    Returns:
        The files, ``export.json`` last.

    Raises:
        ImportError: If the packages for exporting are missing.
        FileExistsError: If ``out`` has files of an export and not ``force``, or is a file.
        ValueError: If the model has no export, or ``out`` cannot be written.
    """
    require_packages()
    out = Path(out).expanduser()
    graphs, description = _plan(model, cfg, meta or {}, flip_test)
    _check_folder(out, [*(f'{name}.onnx' for name in graphs), FILE], force)
    description = dict(format=FORMAT, graphs=[f'{name}.onnx' for name in graphs], **description)
    # complete or not at all: an export that fails leaves an earlier one as it was
    with tempfile.TemporaryDirectory(dir=out, prefix='.export') as folder:
        for name, graph in graphs.items():
            write_graph(graph, Path(folder, f'{name}.onnx'))
        Path(folder, FILE).write_text(json.dumps(description, indent=2) + '\n')
        written = [out / name for name in (*description['graphs'], FILE)]
        for path in written:
            os.replace(Path(folder, path.name), path)
    return written


def _check_folder(out: Path, names: list[str], force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise FileExistsError(f'{out} is a file; expected a folder for the export')
    there = [name for name in names if (out / name).exists()]
    if there and not force:
        raise FileExistsError(
            f'{out} has {", ".join(there)} already; choose another folder, or --force '
            f'(force=True) to replace them'
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ValueError(f'{out}: no file can be written there ({error})') from error


def _plan(
    model: nn.Module, cfg: Config, meta: Mapping[str, Any], flip_test: bool | None
) -> tuple[dict[str, Graph], dict[str, Any]]:
    """Graphs by name, and the description without its common part."""
    crop = describe_crop(model, cfg)
    backbone = type(model.backbone).__name__
    if backbone == 'DiffusersUNetBackbone':
        raise ValueError(
            f'{backbone} has no export: it draws noise, and its attention maps leave the graph by '
            f'hooks; use a model with another backbone'
        )
    if isinstance(model, FewShotPoseEstimator):
        _refuse_flip(flip_test, 'few-shot')
        return _few_shot(model, cfg, crop)
    if isinstance(model, WeakShotPoseEstimator):
        _refuse_flip(flip_test, 'weak-shot')
        return _prompts(model, crop)
    if not isinstance(getattr(model, 'head', None), (CoKeHead, HeatmapHead)):
        head = type(getattr(model, 'head', None)).__name__
        raise ValueError(
            f'{type(model).__name__} with head {head} has no export; expected a few-shot or '
            f'weak-shot model, or a top-down one with CoKeHead or HeatmapHead'
        )
    return _detector(model, cfg, crop, meta, flip_test)


def _refuse_flip(flip_test: bool | None, kind: str) -> None:
    if flip_test:
        raise ValueError(f'flip_test is for detectors; a {kind} model knows no left and right')


def _example(crop: Mapping[str, Any], number: int = BATCH) -> torch.Tensor:
    width, height = crop['input_size']
    return torch.zeros(number, 3, height, width)


def _detector(
    model: nn.Module,
    cfg: Config,
    crop: dict[str, Any],
    meta: Mapping[str, Any],
    flip_test: bool | None,
) -> tuple[dict[str, Graph], dict[str, Any]]:
    if model.test_cfg.get('output_keypoint_indices') is not None:
        raise ValueError('test_cfg.output_keypoint_indices has no export; remove it')
    keypoints = describe_keypoints(cfg, meta)
    number = model.head.out_channels
    names = keypoints['keypoint_names']
    if names is not None and len(names) != number:
        raise ValueError(
            f'the checkpoint or config names {len(names)} keypoints, but the model finds {number}'
        )
    if flip_test is None:
        flip_test = bool(model.test_cfg.get('flip_test', False))
    if flip_test and keypoints['flip_indices'] is None:
        raise ValueError(
            'flip_test needs to know left and right, but neither the checkpoint nor the config has '
            'flip_indices; export with --no-flip-test (flip_test=False)'
        )
    flips = keypoints['flip_indices'] if flip_test else None
    inputs = dict(images=_example(crop))
    if isinstance(model.head, CoKeHead):
        module = CoKeGraph(model, flips)
        if model.head.mask_box and find_transform(cfg, 'BoxToInput') is not None:
            inputs['boxes'] = torch.zeros(BATCH, 4, 2)
    else:
        module = HeatmapGraph(model, flips)
    graph = Graph(module, inputs, ('keypoints', 'scores'), dict.fromkeys(inputs, 'batch'))
    description = dict(
        kind='detector',
        **crop,
        **keypoints,
        num_keypoints=number,
        flip_test=flip_test,
        boxes='boxes' in inputs,
        decoding=module.decoding,
    )
    return dict(detector=graph), description


def _prompts(
    model: WeakShotPoseEstimator, crop: dict[str, Any]
) -> tuple[dict[str, Graph], dict[str, Any]]:
    module = PromptGraph(model, tuple(crop['input_size']))
    inputs = dict(images=_example(crop))
    graph = Graph(module, inputs, ('keypoints', 'scores'), dict(images='batch'))
    categories = model.prompt_names.categories.tolist()
    description = dict(
        kind='prompts',
        **crop,
        num_keypoints=model.head.num_prompts,
        # by category id, the prompt of each of its keypoints, -1 for none
        categories={str(i): model.prompt_names.get(i).tolist() for i in categories},
        decoding=module.decoding,
    )
    return dict(detector=graph), description


@torch.no_grad()
def _few_shot(
    model: FewShotPoseEstimator, cfg: Config, crop: dict[str, Any]
) -> tuple[dict[str, Graph], dict[str, Any]]:
    episode = describe_episode(cfg)
    size, references = episode['num_keypoints'], episode['num_references']
    supports = dict(
        images=_example(crop),
        points=torch.full((BATCH, size, 2), 0.5),
        visible=torch.ones(BATCH, size, dtype=torch.bool),
        references=torch.zeros(BATCH, size, references, dtype=torch.int64),
        query_references=torch.zeros(size, references, dtype=torch.int64),
    )
    shots = dict.fromkeys(('points', 'visible', 'references'), 'shots')
    encoder = SupportGraph(model)
    encoded = encoder(*supports.values())
    names = ('tokens', 'features', 'mined')[: len(encoded)]
    query = QueryGraph(model, tuple(crop['input_size']))
    inputs = dict(
        # another number than that of the supports, or the two would be taken for one
        images=_example(crop, BATCH + 1),
        **{name: supports[name] for name in EPISODE},
        **dict(zip(names, encoded, strict=True)),
    )
    graphs = dict(
        support=Graph(encoder, supports, names, dict(shots, images='shots')),
        query=Graph(
            query, inputs, ('keypoints', 'scores'), dict(shots, tokens='shots', images='batch')
        ),
    )
    return graphs, dict(kind='few_shot', **crop, **episode, decoding=query.decoding)
