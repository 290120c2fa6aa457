"""Configs for command-line tools: finding them, overriding them, common arguments."""

from __future__ import annotations

import argparse
import difflib
import inspect
import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from mmengine.config import Config, DictAction
from mmengine.runner import Runner
from yaml import YAMLError

from .config_lookup import find_config

# Top-level entries of configs and the dataset fields that copy them.
COPIED = {
    'data_root': 'data_root',
    'synth_root': 'data_root',
    'train_ann': 'ann_file',
    'val_ann': 'ann_file',
    'test_ann': 'ann_file',
}
# Top-level entries that are read when a run starts; all others were used up by reading the file.
READ_LATER = {
    *inspect.signature(Runner.__init__).parameters,
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'sync_bn',
    'vis_backends',
} - {'self', 'cfg'}

# What MMEngine's reader of configs raises at a file that is none.
_UNREADABLE = (
    AttributeError,
    LookupError,
    NameError,
    SyntaxError,
    TypeError,
    ValueError,
    YAMLError,
)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every tool that reads a config takes: ``config`` and ``--cfg-options``."""
    parser.add_argument('config', help='config file, or the name of one that we ship')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='override config entries, e.g. optim_wrapper.optimizer.lr=1e-4 data_root=my_data',
    )


def add_launch_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every tool that starts a runner takes besides."""
    parser.add_argument('--work-dir', help='folder of the run, by default work_dirs/CONFIG')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how several processes were started; tools/dist_*.sh and slurm_*.sh set it',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def load_config(name: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Read a config and override entries.

    An environment variable KPT_DATA_ROOT that is set but empty counts as not set, and is removed;
    a ``~`` at its beginning is expanded.

    Args:
        name: as for :func:`find_config`.
        options: entries to override, by dotted keys. A new top-level ``data_root``, ``synth_root``,
            ``train_ann``, ``val_ann`` or ``test_ann`` also replaces the old one in the datasets,
            which copied it when the file was read.

    Returns:
        The config.

    Raises:
        FileNotFoundError: if there is no such config.
        ValueError: if the file is no config, or is cut short.
        ValueError: if an option would change nothing: a misspelt top-level entry, or a variable
            that only the config file itself used.
    """
    tidy_data_root()
    cfg = _read_config(find_config(name))
    before = {name: cfg[name] for name in COPIED if name in cfg}
    if options:
        for key in options:
            _refuse_without_effect(cfg, key)
        cfg.merge_from_dict(dict(options))
    # All are found before any is replaced: a new value may be another entry's old one.
    copies = [
        (entry, COPIED[name], cfg[name])
        for name, old in before.items()
        if cfg[name] != old
        for entry in walk_dicts(cfg._cfg_dict)
        if entry.get(COPIED[name]) == old
    ]
    for entry, key, value in copies:
        entry[key] = value
    return cfg


def _read_config(path: Path) -> Config:
    try:
        cfg = Config.fromfile(path)
    except _UNREADABLE as error:
        raise ValueError(f'{path} is no config, or is cut short or damaged: {error}') from error
    imported = getattr(cfg, '_imported_names', ())
    functions = [k for k, v in cfg.items() if isinstance(v, FunctionType) and k not in imported]
    if functions:
        raise ValueError(f'{path} is no config but a program, it has the function {functions[0]}')
    return cfg


def tidy_data_root() -> None:
    """Expand a ``~`` in the environment variable KPT_DATA_ROOT, which nothing does where it was set
    in quotes, and remove an empty one."""
    root = os.environ.pop('KPT_DATA_ROOT', '')
    if root:  # with an empty one the configs would read /synth for data/synth
        os.environ['KPT_DATA_ROOT'] = os.path.expanduser(root)


def _refuse_without_effect(cfg: Config, option: str) -> None:
    """Raise a ValueError for an option that no part of a run would read."""
    name = option.partition('.')[0]
    if name in READ_LATER or (name in cfg and name in COPIED):
        return
    if name not in cfg:
        close = difflib.get_close_matches(name, {*cfg, *READ_LATER}, n=3)
        hint = f'did you mean {" or ".join(close)}?' if close else f'it has {", ".join(cfg)}'
        raise ValueError(f'--cfg-options {option}: the config has no entry {name}; {hint}')
    places = [
        path for key in cfg if key in READ_LATER for path in _places(cfg[key], cfg[name], key)
    ]
    # Copies mostly keep their name; without one of that name, all that have the value.
    places = [path for path in places if path.endswith(f'.{name}')] or places
    entries = f': {", ".join(places[:8])}' if places else ''
    raise ValueError(
        f'--cfg-options {option}: {name} was copied to where it is used when the file was read, '
        f'changing it now has no effect; set the entries that are used{entries}, or write a config '
        f'of your own'
    )


def _places(node: Any, value: Any, path: str) -> Iterator[str]:
    """Dotted keys below ``path`` of the entries that equal a value."""
    if type(node) is type(value) and node == value:
        yield path
    elif isinstance(node, dict):
        for key, child in node.items():
            yield from _places(child, value, f'{path}.{key}')
    elif isinstance(node, (list, tuple)):
        for index, child in enumerate(node):
            yield from _places(child, value, f'{path}.{index}')


def load_run_config(args: argparse.Namespace) -> Config:
    """The config of a run with the launch arguments applied.

    ``--work-dir`` wins over the config's ``work_dir``; without both it is ``work_dirs/NAME``.

    Raises:
        ModuleNotFoundError: if TensorBoard logs are wanted and TensorBoard is not installed.
    """
    cfg = load_config(args.config, args.cfg_options)
    backends = [entry.get('type') for entry in walk_dicts(cfg.get('visualizer'))]
    if vars(args).get('tensorboard') or 'TensorboardVisBackend' in backends:
        _require_tensorboard()
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('work_dirs', find_config(args.config).stem)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return cfg


def _require_tensorboard() -> None:
    """At the start, not when the data are read and the first log is written."""
    if find_spec('tensorboard') is None:
        raise ModuleNotFoundError(
            'TensorBoard logs are wanted (--tensorboard, or TensorboardVisBackend in the config), '
            'but it is not installed: pip install tensorboard'
        )


def walk_dicts(node: Any) -> Iterator[dict]:
    """All dicts inside a config, the outer ones first."""
    if isinstance(node, dict):
        yield node
        children = list(node.values())
    else:
        children = list(node) if isinstance(node, (list, tuple)) else []
    for child in children:
        yield from walk_dicts(child)


# Datasets whose samples are drawn from (seed, epoch, index).
DRAWN = ('EpisodeDataset', 'CategoryPairDataset')


def find_datasets(cfg: Config, part: str, kind: str) -> list[dict]:
    """The dataset dicts of a type in a part of a config, ``'test_dataloader'`` for instance."""
    return [d for d in walk_dicts(cfg.get(part)) if d.get('type') == kind]


def episode_datasets(cfg: Config, part: str) -> list[dict]:
    """The ``EpisodeDataset`` dicts in a part of a config."""
    return find_datasets(cfg, part, 'EpisodeDataset')


def set_seed(cfg: Config, seed: int) -> None:
    """Set ``randomness.seed``."""
    cfg.randomness = dict(cfg.get('randomness') or {}, seed=seed)


def seed_training_episodes(cfg: Config) -> None:
    """Let training datasets without a seed of their own draw from ``randomness.seed``.

    The first gets that seed, further ones (of a ``ConcatDataset``) seeds that follow from it: with
    the same one the parts would draw alike, the same places in their categories and the same
    augmentation. A checkpoint keeps the run's seed, so that a resumed run draws what it would have
    drawn. Where the config has none it is 0, not random. The evaluation lists keep theirs, or runs
    with different seeds could not be compared.
    """
    seed = (cfg.get('randomness') or {}).get('seed')
    seed = 0 if seed is None else seed
    set_seed(cfg, seed)
    drawing = [d for d in walk_dicts(cfg.get('train_dataloader')) if d.get('type') in DRAWN]
    for number, dataset in enumerate(drawing):
        dataset.setdefault('seed', _seed_of_part(seed, number))


def _seed_of_part(seed: int, number: int) -> int:
    return int(np.random.SeedSequence((seed, number)).generate_state(1)[0]) if number else seed


def set_query_rotation(cfg: Config, part: str, degrees: float) -> None:
    """Let an evaluation turn every query's crop by a seeded random angle up to ``degrees``.

    Raises:
        ValueError: if that part of the config has no ``EpisodeDataset``.
    """
    datasets = episode_datasets(cfg, part)
    if not datasets:
        raise ValueError(f'a rotation of queries needs an EpisodeDataset in {part}')
    for dataset in datasets:
        dataset['query_rotation'] = degrees
