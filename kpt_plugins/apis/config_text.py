"""The config that travels in a checkpoint, read without running any of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from .run_config import walk_dicts

# A registry takes any dotted path to a Python object for a type. In a file from elsewhere only
# names of registered parts count. MMPose's keypoints have a type as well, which may be empty.
_REGISTERED = re.compile(r'^(((mmengine|mmcv|mmdet|mmpretrain|mmpose)\.)?[A-Za-z_]\w*)?$')


def plain_value(node: ast.expr) -> Any:
    """The value of an expression made of literals, ``dict(key=value)`` and ``dict({key: value})``.

    Raises:
        AttributeError, TypeError, ValueError: If it is made of anything else.
    """
    if isinstance(node, ast.Call) and node.func.id == 'dict':
        if any(keyword.arg is None for keyword in node.keywords):
            raise ValueError('dict(**values)')
        # MMEngine writes keys that are no names in a dict of their own: dict({0: 'a'}, b=1)
        (given,) = node.args or [ast.Dict([], [])]
        if not isinstance(given, ast.Dict):
            raise ValueError('dict() of what is no dict')
        return plain_value(given) | {k.arg: plain_value(k.value) for k in node.keywords}
    if isinstance(node, ast.Dict):
        keys = map(plain_value, node.keys)
        return dict(zip(keys, map(plain_value, node.values), strict=True))
    if isinstance(node, ast.List):
        return [plain_value(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(plain_value(item) for item in node.elts)
    return ast.literal_eval(node)


def checkpoint_config(
    checkpoint: Mapping[str, Any],
    path: str | Path,
    entries: Collection[str],
    advice: str = 'give the config that it was trained with (model=, --model)',
) -> Config:
    """Some entries of the config in a checkpoint's ``meta``.

    MMEngine's reader of config texts runs them as a program, which in a checkpoint from elsewhere
    may be any program. Here only literals are read, and no modules are imported: parts of one's own
    must be imported before.

    Args:
        checkpoint: What :func:`~kpt_plugins.apis.checkpoint.load_checkpoint_safely` returns.
        path: Its file, for the message.
        entries: Names of the entries to read. Missing ones stay missing.
        advice: What to do where there is none that can be read.

    Raises:
        ValueError: If there is no config, or one of the entries is not made of literals, or has a
            part whose type is not the name of a registered one.
    """
    meta = checkpoint.get('meta')
    text = meta.get('cfg') if isinstance(meta, Mapping) else None
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f'{path}: the checkpoint has no config (meta.cfg); {advice}')
    found = {}
    try:
        for statement in ast.parse(text).body:
            if not isinstance(statement, ast.Assign):
                continue
            name = getattr(statement.targets[0], 'id', None)
            if name in entries:
                found[name] = plain_value(statement.value)
    except (AttributeError, RecursionError, SyntaxError, TypeError, ValueError) as error:
        raise ValueError(
            f'{path}: meta.cfg of the checkpoint is not made of plain values ({error}); {advice}'
        ) from error
    for part in walk_dicts(found):
        kind = part.get('type')
        if isinstance(kind, str) and not _REGISTERED.match(kind):
            raise ValueError(
                f'{path}: meta.cfg of the checkpoint has the type {kind!r}, expected the name of a '
                f'registered part; {advice}'
            )
    return Config(found)
