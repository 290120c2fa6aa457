"""Whether a run can go on with a config whose model was changed since its checkpoint was saved."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from .config_text import plain_value
from .model_loading import build_model


def require_same_model(cfg: Config, checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Refuse to resume where a change of the model part of the config changed the weights.

    Changes that keep the weights' names and shapes (loss weights, ``init_cfg``, a moved
    ``model.parent``) pass. Without a change no model is built.

    Args:
        cfg: the config to go on with.
        checkpoint: the content of a training run's checkpoint, ``meta['cfg']`` as MMEngine writes
            it: the text of the config.
        path: the checkpoint's file, for the message.

    Raises:
        ValueError: naming the file, the config and the entries of the model that differ.
    """
    saved = model_part(checkpoint['meta'].get('cfg'))
    if saved is None:
        return
    keys = list(differing_keys(saved, model_part(cfg.pretty_text)))
    if not keys:
        return
    try:
        build_model(cfg).load_state_dict(checkpoint['state_dict'])
    except RuntimeError as error:
        raise ValueError(
            f'{path} cannot be resumed from with {cfg.filename or "this config"}: its run had '
            f'another model, which differs in {", ".join(keys[:8])}; go on with the config of that '
            f'run, or start anew without --resume in another --work-dir'
        ) from error


def model_part(text: Any) -> Any:
    """The value of ``model`` in the text of a config, read without running any of it; None if
    there is none or it is not made of plain values."""
    try:
        for statement in ast.parse(text).body:
            if isinstance(statement, ast.Assign) and statement.targets[0].id == 'model':
                return plain_value(statement.value)
    except (AttributeError, SyntaxError, TypeError, ValueError):
        pass
    return None


def differing_keys(one: Any, other: Any, path: str = 'model') -> Iterator[str]:
    """Dotted keys of the entries that two nested dicts do not have in common."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            if key in one and key in other:
                yield from differing_keys(one[key], other[key], f'{path}.{key}')
            else:
                yield f'{path}.{key}'
    elif one != other:
        yield path
