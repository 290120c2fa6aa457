"""Checkpoints: reading them without running foreign code, and which one to resume from."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from mmengine.logging import HistoryBuffer, print_log
from mmengine.runner import CheckpointLoader

from kpt_plugins.compat import trust_numpy_types

# What reading a file that is no checkpoint, or a part of one, ends in: some bytes are valid pickle
# instructions, which then find nothing to work on. UnicodeDecodeError is a ValueError.
_DAMAGE = (
    RuntimeError,
    EOFError,
    OSError,
    IndexError,
    KeyError,
    ValueError,
    AttributeError,
    TypeError,
    struct.error,
)
_SAVED_NAME = re.compile(r'^(?:epoch|iter)_(\d+)\.pth$')


def load_checkpoint_safely(
    path: str | Path, map_location: Any = 'cpu', allow_pickle: bool = False
) -> dict:
    """Read a checkpoint file.

    Args:
        path: local file.
        map_location: as in :func:`torch.load`.
        allow_pickle: also read files with arbitrary pickled objects. Unpickling runs any code
            that whoever wrote the file chose, so only for files whose author is trusted.

    Returns:
        The checkpoint: a dict with ``state_dict`` and ``meta``, or a bare state dict.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is a folder, or the file is damaged, no checkpoint, holds more than
            tensors and plain data (and ``allow_pickle`` is not given), or is not a dict.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise ValueError(f'checkpoint {path} is a folder; expected a file')
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    # Every time: MMEngine's loader forgets them when it is done with a file.
    trust_numpy_types()
    torch.serialization.add_safe_globals([_history_method])
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=not allow_pickle)
    except UnpicklingError as error:
        if 'Unsupported operand' in str(error):
            raise ValueError(
                f'checkpoint {path} is not in the format of PyTorch, or damaged'
            ) from error
        reason = re.search(r'Unsupported \w+: \w+ ([\w.]+)', str(error))
        raise ValueError(
            f'checkpoint {path} is damaged or holds Python objects besides weights, which could '
            f'run any code when loaded. If you trust its author, add --allow-pickle '
            f'(allow_pickle=True in Python). What was refused: {reason[1] if reason else error}'
        ) from error
    except _DAMAGE as error:
        raise ValueError(
            f'checkpoint {path} cannot be read, it seems damaged or cut short: {error}'
        ) from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'checkpoint {path} holds a {type(checkpoint).__name__}, not a dict')
    return checkpoint


def _history_method(owner: Any, name: str) -> Any:
    if owner is HistoryBuffer and not name.startswith('_'):
        return getattr(owner, name)
    raise UnpicklingError(f'Unsupported attribute: GLOBAL {owner}.{name}')


# MMEngine's logs refer to their own methods, which pickle writes as getattr(HistoryBuffer, name).
# A file that says builtins.getattr therefore gets this one, which knows nothing else.
_history_method.__module__ = 'builtins'
_history_method.__name__ = _history_method.__qualname__ = 'getattr'


def use_safe_loading(allow_pickle: bool = False) -> None:
    """Make MMEngine read local checkpoints by :func:`load_checkpoint_safely` in this process.

    MMEngine's own loader warns and then unpickles whatever is in the file.
    """

    def load(filename: str, map_location: Any = None) -> dict:
        return load_checkpoint_safely(filename, map_location, allow_pickle)

    # Its name is printed at every load, less the first ten letters.
    load.__name__ = 'load_from_local'
    CheckpointLoader.register_scheme(prefixes='', loader=load, force=True)


def find_resume_checkpoint(work_dir: str | Path) -> Path | None:
    """The newest complete checkpoint of a run.

    It is the one that ``last_checkpoint`` names if that is complete; otherwise, with a warning,
    the complete ``epoch_*.pth`` or ``iter_*.pth`` with the highest number. A run moved to another
    folder is found there.

    Args:
        work_dir: the run's folder; need not exist.

    Returns:
        The file, or None if there is nothing to resume from.
    """
    work_dir = Path(work_dir)
    candidates = sorted(
        (path for path in work_dir.glob('*.pth') if _SAVED_NAME.match(path.name)),
        key=lambda path: (int(_SAVED_NAME.match(path.name)[1]), path.stat().st_mtime),
        reverse=True,
    )
    pointer = work_dir / 'last_checkpoint'
    if pointer.is_file():
        # After a crash it may hold anything; names that are none are no complete files.
        named = Path(pointer.read_text(errors='replace').strip())
        candidates = [named, work_dir / named.name, *candidates]
    for rank, path in enumerate(candidates):
        if is_complete(path):
            if rank > 1 or not pointer.is_file() and rank:
                print_log(
                    f'resuming from {path}: last_checkpoint or newer files are damaged',
                    'current',
                    30,
                )
            return path
    return None


def is_complete(path: str | Path) -> bool:
    """Whether a file saved by :func:`torch.save` is whole: its table of contents, the last thing
    written, is there, and every entry has the checksum noted for it.

    The whole file is read, which takes about as long as loading it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith('data.pkl') for name in archive.namelist()) and (
                archive.testzip() is None
            )
    except (*_DAMAGE, zipfile.BadZipFile, zlib.error):
        return False
