"""The occlusion benchmark: any top-down model, tested behind more and more occluders."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.evaluator import Evaluator
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.structures import PoseDataSample
from torch import nn

from kpt_plugins.datasets.transforms import PasteOccluder
from kpt_plugins.evaluation import KeypointRecords, VisiblePCKMetric
from kpt_plugins.evaluation.functional.visible_pck import nan_mean
from kpt_plugins.evaluation.occlusion_figure import draw_levels, draw_roc
from kpt_plugins.evaluation.occlusion_report import format_levels, summarize_levels
from kpt_plugins.visualization.occlusion import draw_occluded
from kpt_plugins.visualization.panels import add_caption, join_row, resize_image, write_image

from .model_loading import load_model
from .run_config import walk_dicts

META_KEYS = (
    *('keypoints_occluded', 'occlusion_level', 'object_occluded', 'background_occluded'),
    'azimuth_bin',
)
"""What the metric reads beside what is packed anyway."""

_LOADING = ('LoadImage', 'LoadImageChecked', 'LoadImageFromFile')
_BOXES = 'GetBBoxCenterScale'
_PICTURE_SIZE = 256


@dataclass(frozen=True)
class LevelResult:
    """What a model did at one level of occlusion.

    Args:
        level: 0 to 3.
        scores: of :class:`VisiblePCKMetric`, without a prefix.
        records: every prediction's error, visibility and score.
        hidden: mean shares of object and background that the occluders hide.
        names: of the keypoints, where the dataset has them.
        pictures: of predictions, uint8 (h, w, 3).
    """

    level: int
    scores: dict[str, float]
    records: KeypointRecords
    hidden: tuple[float, float]
    names: list[str] | None
    pictures: list[np.ndarray]


def occlusion_config(
    cfg: Config,
    level: int,
    occluders: str | None = None,
    seed: int = 0,
    metric: Mapping[str, Any] | None = None,
) -> Config:
    """The config with its test data behind occluders and its evaluator replaced.

    :class:`PasteOccluder` comes before the crop, the metric's keys into ``meta_keys``, boxes of a
    detector (``bbox_file``) give way to the annotated ones.

    Args:
        cfg: config of an ordinary top-down experiment; left as it is.
        level, occluders, seed: of :class:`PasteOccluder`.
        metric: arguments of :class:`VisiblePCKMetric`.

    Returns:
        A changed copy.

    Raises:
        FileNotFoundError, ValueError: for wrong arguments.
        ValueError: if the config tests nothing, or its test pipeline does not load images and
            pack them.
    """
    if not cfg.get('test_dataloader'):
        raise ValueError(f'{_name(cfg)}: the config has no test_dataloader')
    # Wrong arguments are said now, not when workers build the data.
    PasteOccluder(level, occluders, seed)
    VisiblePCKMetric(**(metric or {}))
    cfg = copy.deepcopy(cfg)
    occluder = dict(type='PasteOccluder', level=level, occluders=occluders, seed=seed)
    changed = 0
    for entry in walk_dicts(cfg.test_dataloader):
        if entry.get('bbox_file'):
            entry['bbox_file'] = None
        if entry.get('pipeline'):
            pipeline = _with_occluder(entry['pipeline'], occluder)
            if pipeline is not None:
                entry['pipeline'] = pipeline
                changed += 1
    if not changed:
        raise ValueError(
            f'{_name(cfg)}: no pipeline in test_dataloader has {", ".join(_LOADING)} and then '
            f'PackPoseInputs, as that of a top-down model has'
        )
    cfg.test_evaluator = dict(type='VisiblePCKMetric', **(metric or {}))
    return cfg


def run_benchmark(
    cfg: Config,
    checkpoint: str | Path,
    levels: Sequence[int] = (0, 1, 2, 3),
    occluders: str | None = None,
    seed: int = 0,
    metric: Mapping[str, Any] | None = None,
    num_pictures: int = 0,
    device: str | torch.device | None = None,
    allow_pickle: bool = False,
) -> tuple[dict[str, Any], list[LevelResult]]:
    """Test a trained top-down model at several levels of occlusion.

    Args:
        cfg: config of an ordinary top-down experiment; left as it is.
        checkpoint: file with the model's weights.
        levels: each of 0, 1, 2, 3.
        occluders, seed: of :class:`PasteOccluder`.
        metric: arguments of :class:`VisiblePCKMetric`.
        num_pictures: how many instances to draw, the same at each level.
        device: the GPU if there is one, by default.
        allow_pickle: as :func:`load_checkpoint_safely`.

    Returns:
        The summary (:func:`summarize_levels`, with ``config``, ``checkpoint``, ``occluders``,
        ``seed``) and what the model did at each level.

    Raises:
        FileNotFoundError, ValueError: as :func:`load_model`, :func:`occlusion_config`,
            :class:`PasteOccluder` and :class:`VisiblePCKMetric`.
    """
    metric = dict(by=['category', 'azimuth_bin']) | dict(metric or {})
    configs = [occlusion_config(cfg, level, occluders, seed, metric) for level in levels]
    model = load_model(cfg, checkpoint, device or get_device(), allow_pickle)
    results = []
    for level, level_cfg in zip(levels, configs, strict=True):
        result = evaluate_level(model, level_cfg, level, num_pictures)
        print_log(
            f'L{level}: PCK of visible keypoints {result.scores["PCK_visible"]:.1f} %, AUROC of '
            f'visibility {result.scores["AUROC"]:.3f}',
            logger='current',
        )
        results.append(result)
    summary = summarize_levels(
        levels,
        [result.scores for result in results],
        [result.records for result in results],
        [result.hidden for result in results],
        thr=metric.get('thr', 0.1),
        names=results[0].names,
    )
    origin = dict(config=cfg.filename, checkpoint=str(checkpoint), occluders=occluders, seed=seed)
    return origin | summary, results


def evaluate_level(model: nn.Module, cfg: Config, level: int, num_pictures: int = 0) -> LevelResult:
    """Test a model on the data of a config.

    Args:
        model: as :func:`load_model` returns it.
        cfg: of :func:`occlusion_config`.
        level: for the result.
        num_pictures: of instances spread evenly over the data.

    Raises:
        ValueError: as :class:`VisiblePCKMetric`.
    """
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    # Nothing is random in a test pipeline, but the workers want a seed.
    loader = Runner.build_dataloader(cfg.test_dataloader, seed=0)
    evaluator = Evaluator(cfg.test_evaluator)
    info = getattr(loader.dataset, 'metainfo', None) or {}
    evaluator.dataset_meta = info
    count = len(loader.dataset)
    drawn = set(np.linspace(0, count - 1, min(num_pictures, count)).round().astype(int).tolist())
    shares, pictures = [], []
    for batch in loader:
        inputs = list(batch['inputs'])
        samples = model.test_step(batch)
        evaluator.process(data_samples=samples, data_batch=batch)
        for image, sample in zip(inputs, samples, strict=True):
            if len(shares) in drawn:
                pictures.append(_draw(image, sample))
            shares.append((sample.object_occluded, sample.background_occluded))
    metric: VisiblePCKMetric = evaluator.metrics[0]
    scores = evaluator.evaluate(len(shares))
    id2name = info.get('keypoint_id2name')
    return LevelResult(
        level,
        {name.removeprefix(f'{metric.prefix}/'): value for name, value in scores.items()},
        metric.records,
        tuple(nan_mean(np.array(column)) for column in zip(*shares, strict=True)),
        id2name and [id2name[k] for k in sorted(id2name)],
        pictures,
    )


def write_results(
    folder: str | Path, summary: Mapping[str, Any], results: Sequence[LevelResult]
) -> list[Path]:
    """Write ``levels.json``, ``levels.md``, ``levels.png``, ``roc.png`` and ``pictures/``.

    Args:
        folder: made if needed.
        summary, results: of :func:`run_benchmark`.

    Returns:
        What was written; ``pictures`` as the folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ('levels.json', 'levels.md', 'levels.png', 'roc.png')]
    paths[0].write_text(json.dumps(summary, indent=1) + '\n')
    paths[1].write_text(format_levels(summary))
    draw_levels(summary, paths[2])
    draw_roc([result.level for result in results], [r.records for r in results], paths[3])
    rows = zip(*(result.pictures for result in results), strict=True)
    for number, row in enumerate(rows):
        titled = [
            add_caption(picture, f'L{result.level}')
            for picture, result in zip(row, results, strict=True)
        ]
        write_image(folder / 'pictures' / f'{number:03d}.png', join_row(titled))
    return paths + ([folder / 'pictures'] if results[0].pictures else [])


def _draw(image: torch.Tensor, sample: PoseDataSample) -> np.ndarray:
    """The model's input, ``uint8 Tensor (3, h, w)`` BGR, with predictions and true keypoints."""
    zoom = max(1.0, _PICTURE_SIZE / max(image.shape[1:]))
    picture = resize_image(image.permute(1, 2, 0).numpy(), round(zoom * max(image.shape[1:])))
    size, scale = (np.asarray(sample.get(key)) for key in ('input_size', 'input_scale'))
    corner = np.asarray(sample.input_center) - scale / 2

    def to_picture(points: np.ndarray) -> np.ndarray:
        return ((np.asarray(points)[0, :, :2] - corner) / scale * size + 0.5) * zoom - 0.5

    truth, predicted = sample.gt_instances, sample.pred_instances
    visible = np.asarray(truth.keypoints_visible)
    visible = (visible[..., 0] if visible.ndim == 3 else visible)[0] > 0
    return draw_occluded(
        picture,
        to_picture(predicted.keypoints),
        to_picture(truth.keypoints),
        visible,
        np.asarray(sample.keypoints_occluded)[0],
        np.asarray(predicted.keypoint_scores)[0],
    )


def _with_occluder(pipeline: Sequence[dict], occluder: dict) -> list[dict] | None:
    """The pipeline with occluders and the metric's keys; None if it does not load and pack."""
    types = [step['type'] for step in pipeline]
    loading = [index for index, name in enumerate(types) if name in _LOADING]
    packing = [index for index, name in enumerate(types) if name == 'PackPoseInputs']
    if not loading or not packing:
        return None
    pipeline = [dict(step) for step in pipeline]
    pack = pipeline[packing[-1]]
    keys = pack.get('meta_keys', PackPoseInputs().meta_keys)
    pack['meta_keys'] = tuple(dict.fromkeys([*keys, *META_KEYS]))
    # After what selects or reorders keypoints, which knows nothing of the marks.
    place = types.index(_BOXES) if _BOXES in types else loading[0] + 1
    return [*pipeline[:place], dict(occluder), *pipeline[place:]]


def _name(cfg: Config) -> str:
    return cfg.filename or 'this config'
