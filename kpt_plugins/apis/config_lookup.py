"""Find a config by its name, in a checkout as in an installed package."""

from __future__ import annotations

import difflib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def config_folder() -> Path:
    """Return the folder of the shipped configs.

    It is ``kpt_plugins/.mim/configs`` of an installation (links to the checkout in an editable
    one) and ``configs`` of a checkout that is used without installing.

    Raises:
        FileNotFoundError: the installation has lost its configs.
    """
    for folder in (PACKAGE / '.mim' / 'configs', PACKAGE.parent / 'configs'):
        if folder.is_dir():
            return folder.resolve()
    raise FileNotFoundError(f'no configs in {PACKAGE}: reinstall kpt_plugins (`make install`)')


def find_tool(name: str) -> Path:
    """Return the path of a script that is shipped in ``tools``, ``'train.py'`` for instance.

    Raises:
        FileNotFoundError: the installation has lost it.
    """
    for folder in (PACKAGE / '.mim' / 'tools', PACKAGE.parent / 'tools'):
        if (folder / name).is_file():
            return (folder / name).resolve()
    raise FileNotFoundError(f'no tools/{name} in {PACKAGE}: reinstall kpt_plugins (`make install`)')


def shipped_configs() -> dict[str, Path]:
    """Return the experiment configs as ``{name without .py: path}``, without ``_base_`` parts."""
    paths = sorted(config_folder().rglob('*.py'))
    return {path.stem: path for path in paths if '_base_' not in path.parts}


def find_config(name: str | Path) -> Path:
    """Find a config by its path or, for a shipped one, by its name.

    MMEngine resolves ``package::path`` for OpenMMLab's own packages only; ours go through here.

    Args:
        name: a path to an existing file; or a shipped config's name, with or without ``.py``,
            e.g. ``'fmmp_synth'``; or its path below ``configs``, e.g.
            ``'_base_/default_runtime.py'``.

    Returns:
        The path of an existing file.

    Raises:
        FileNotFoundError: there is none; the message lists those with similar names.

    Examples:
        >>> from mmengine.config import Config
        >>> cfg = Config.fromfile(find_config('fmmp_synth'))
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = shipped_configs()
    stem = path.name.removesuffix('.py')
    if path.parent == Path('.') and stem in shipped:
        return shipped[stem]
    # Never `with_suffix`: a name may hold dots, e.g. 'fmmp_pck0.2'.
    below = config_folder() / path.parent / f'{stem}.py'
    if not path.is_absolute() and below.is_file():
        return below
    known = {**shipped}
    if path.parent.is_dir():
        known.update({p.stem: p for p in path.parent.glob('*.py')})
    close = difflib.get_close_matches(stem, known, n=5, cutoff=0.5)
    hint = f'did you mean {", ".join(close)}?' if close else f'shipped are {", ".join(shipped)}'
    raise FileNotFoundError(f"config '{name}' does not exist; {hint}")
