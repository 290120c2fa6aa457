"""Train a model.

Examples:
    python tools/train.py configs/fmmp_synth.py
    python tools/train.py fmmp_synth --work-dir work_dirs/mine --resume
    bash tools/dist_train.sh configs/fmmp_synth.py 2
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.runner import Runner

from kpt_plugins.apis.checkpoint import (
    find_resume_checkpoint,
    load_checkpoint_safely,
    use_safe_loading,
)
from kpt_plugins.apis.resume_check import require_same_model
from kpt_plugins.apis.run_config import (
    add_config_arguments,
    add_launch_arguments,
    load_run_config,
    seed_training_episodes,
    set_seed,
)
from kpt_plugins.engine.dist import setup_launcher
from kpt_plugins.engine.memory import keep_freed_memory


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train a model.')
    add_config_arguments(parser)
    add_launch_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint, by default the newest complete one of the work dir; '
        'starts anew where there is none',
    )
    parser.add_argument('--seed', type=int, help="in place of the config's randomness.seed")
    parser.add_argument('--amp', action='store_true', help='mixed precision (GPU)')
    parser.add_argument('--no-validate', action='store_true', help='train without validation')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the learning rate from the config's auto_scale_lr.base_batch_size to the real "
        'batch size over all processes',
    )
    parser.add_argument('--tensorboard', action='store_true', help='write TensorBoard logs too')
    parser.add_argument(
        '--allow-pickle',
        action='store_true',
        help='load checkpoints that hold arbitrary Python objects; only from authors you trust',
    )
    return parser.parse_args(argv)


def set_resume(cfg: Config, resume: str, seed: int | None, allow_pickle: bool) -> None:
    """Resume from a checkpoint and with its seed, so that the episodes go on as they would have.

    Raises:
        FileNotFoundError, ValueError: if the checkpoint cannot be read.
        ValueError: if it is not one of a training run, or was trained with another ``--seed`` or
            another model.
    """
    path = find_resume_checkpoint(cfg.work_dir) if resume == 'auto' else resume
    if path is None:
        print_log(f'no checkpoint in {cfg.work_dir}, training starts from the beginning')
        return
    checkpoint = load_checkpoint_safely(path, allow_pickle=allow_pickle)
    missing = [key for key in ('meta', 'optimizer', 'message_hub') if key not in checkpoint]
    if missing:
        raise ValueError(
            f'{path} cannot be resumed from, it has no {", ".join(missing)}; to start from its '
            f'weights use --cfg-options load_from={path}'
        )
    saved = checkpoint['meta'].get('seed')
    if seed is not None and saved is not None and seed != saved:
        raise ValueError(f'{path} was trained with seed {saved}, cannot go on with --seed {seed}')
    require_same_model(cfg, checkpoint, path)
    if saved is not None:
        set_seed(cfg, saved)
    cfg.resume, cfg.load_from = True, str(path)


def configure(args: argparse.Namespace) -> Config:
    """The config of the run, with the command line applied."""
    cfg = load_run_config(args)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
        if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
            raise ValueError(f'--amp replaces OptimWrapper, but the config has {kind}')
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise ValueError('--auto-scale-lr needs auto_scale_lr.base_batch_size in the config')
        cfg.auto_scale_lr.enable = True
    if args.tensorboard:
        cfg.visualizer.vis_backends.append(dict(type='TensorboardVisBackend'))
    if args.seed is not None:
        set_seed(cfg, args.seed)
    if args.resume is not None:
        set_resume(cfg, args.resume, args.seed, args.allow_pickle)
    seed_training_episodes(cfg)
    return cfg


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    use_safe_loading(args.allow_pickle)
    cfg = configure(args)
    if get_device() == 'cpu':
        if args.amp:
            raise SystemExit('--amp needs a GPU (or another accelerator), and there is none')
        keep_freed_memory()
    setup_launcher(cfg, args.launcher)
    Runner.from_cfg(cfg).train()


if __name__ == '__main__':
    main()
