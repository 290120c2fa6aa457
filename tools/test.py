"""Evaluate a checkpoint.

Examples:
    python tools/test.py configs/fmmp_synth.py work_dirs/fmmp_synth/epoch_9.pth --out metrics.json
    python tools/test.py fmmp_synth epoch_9.pth --query-rotation 40 --dump pairs.npz --show-dir pics
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from kpt_plugins.apis.checkpoint import use_safe_loading
from kpt_plugins.apis.model_loading import wrong_weights
from kpt_plugins.apis.run_config import (
    add_config_arguments,
    add_launch_arguments,
    load_run_config,
    set_query_rotation,
)
from kpt_plugins.engine.dist import setup_launcher
from kpt_plugins.engine.memory import keep_freed_memory
from kpt_plugins.evaluation import EpisodeKeypointMetric, format_scores
from kpt_plugins.models.checkpoint_mismatch import CheckpointMismatchError


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Evaluate a checkpoint.')
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    add_launch_arguments(parser)
    parser.add_argument('--out', metavar='JSON', help='file for the scores')
    parser.add_argument(
        '--dump', metavar='NPZ', help='file for the predictions, for tools/analysis/rescore.py'
    )
    parser.add_argument('--show-dir', help='folder for pictures of the first predictions')
    parser.add_argument('--show-number', type=int, default=50, help='how many pictures')
    parser.add_argument(
        '--query-rotation',
        type=float,
        metavar='DEGREES',
        help="turn every query's crop by a random angle up to this",
    )
    parser.add_argument(
        '--allow-pickle',
        action='store_true',
        help='load a checkpoint that holds arbitrary Python objects; only from authors you trust',
    )
    return parser.parse_args(argv)


def configure(args: argparse.Namespace) -> Config:
    """The config of the run, with the command line applied."""
    cfg = load_run_config(args)
    if not isinstance(cfg.test_evaluator, (list, tuple)):
        cfg.test_evaluator = [cfg.test_evaluator]
    if args.dump:
        metrics = [m for m in cfg.test_evaluator if m.type == 'EpisodeKeypointMetric']
        given = metrics[0].get('given', 'any') if metrics else None
        dump = dict(type='EpisodeDump', out_file=args.dump, given=given)
        cfg.test_evaluator = [*cfg.test_evaluator, dump]
    if args.query_rotation is not None:
        set_query_rotation(cfg, 'test_dataloader', args.query_rotation)
    if args.show_dir:
        cfg.custom_hooks = [
            *cfg.get('custom_hooks', []),
            dict(
                type='EpisodeVisualizationHook',
                out_dir=args.show_dir,
                max_images=args.show_number,
            ),
        ]
    return cfg


def nested_scores(
    flat: Mapping[str, float], metrics: list[EpisodeKeypointMetric]
) -> dict[str, dict]:
    """Scores by metric: ``{'model/mPCK': x}`` becomes ``{'model': {'mPCK': x, ...}}``, with the
    thresholds that mPCK is the mean over, and the scores of every category by its id."""
    nested: dict[str, dict] = {}
    for name, value in flat.items():
        prefix, _, score = name.partition('/')
        nested.setdefault(prefix, {})[score] = value
    for metric in metrics:
        nested[metric.prefix]['thresholds'] = list(metric.thresholds)
        if metric.scores is not None:
            nested[metric.prefix]['per_category'] = {
                str(category_id): dict(name=metric.scores.category_names[category_id], **scores)
                for category_id, scores in metric.scores.per_category.items()
            }
    return nested


def prepare_file(option: str, path: str) -> None:
    """Make the folder of a file that is written when testing is over.

    Raises:
        ValueError: naming the option and the path, if the file cannot be written there.
    """
    target = Path(path)
    try:
        if target.is_dir():
            raise IsADirectoryError('it is a folder')
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise ValueError(f'{option} {path}: no file can be written there ({error})') from error


def write_json(path: str, content: dict) -> None:
    """Write a JSON file in one step; undefined scores (NaN) become null."""
    partial = Path(f'{path}.tmp')
    partial.write_text(json.dumps(_without_nan(content), indent=2) + '\n')
    os.replace(partial, path)


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    # Now, and not when a long test is over.
    for option, path in (('--out', args.out), ('--dump', args.dump)):
        if path:
            prepare_file(option, path)
    use_safe_loading(args.allow_pickle)
    cfg = configure(args)
    if get_device() == 'cpu':
        keep_freed_memory()
    setup_launcher(cfg, args.launcher)
    runner = Runner.from_cfg(cfg)
    # Strictly: with a part of the weights missing the scores would mean nothing.
    try:
        runner.load_checkpoint(args.checkpoint, strict=True)
    except (RuntimeError, CheckpointMismatchError) as error:
        raise wrong_weights(error, args.checkpoint, cfg) from error
    flat = runner.test()
    if not is_main_process():
        return
    metrics = [m for m in runner.test_evaluator.metrics if isinstance(m, EpisodeKeypointMetric)]
    scores = nested_scores(flat, metrics)
    for thresholds in dict.fromkeys(metric.thresholds for metric in metrics):
        rows = [(m.prefix, scores[m.prefix]) for m in metrics if m.thresholds == thresholds]
        print(f'\n{format_scores(rows, thresholds)}')
    # Last, so that a disk that refuses the file does not take the table with it.
    if args.out:
        write_json(args.out, scores)


if __name__ == '__main__':
    main()
