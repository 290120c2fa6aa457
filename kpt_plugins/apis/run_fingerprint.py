"""What a run was started with, so that a work directory never mixes two of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kpt_plugins.engine.hooks.knowledge_association_hook import STATE_NAME
from kpt_plugins.engine.hooks.safe_checkpoint_hook import write_atomically
from kpt_plugins.engine.hooks.step_handover_hook import DETECTOR_NAME

FINGERPRINT_NAME = 'fingerprint.json'
# The folder, in a work directory, of what a run reads. The runner writes its own files beside it.
INPUT_FOLDER = 'input'


def require_same_run(work_dir: str | Path, current: Mapping[str, Any]) -> None:
    """Refuse a work directory of another run. Nothing is written.

    Args:
        work_dir: The run's folder; need not exist.
        current: Everything that the result depends on, by the name that the user knows it under;
            values as JSON has them, files as their SHA-256.

    Raises:
        ValueError: Naming what differs, with both values.
    """
    path = Path(work_dir, INPUT_FOLDER, FINGERPRINT_NAME)
    advice = 'remove the folder, or choose another --work-dir'
    if not path.is_file():
        if is_trained(work_dir):
            raise ValueError(
                f'{work_dir} holds a training whose inputs are not known (it has no '
                f'{path.relative_to(work_dir)}); {advice}'
            )
        return
    try:
        saved = dict(json.loads(path.read_text()))
    except (TypeError, ValueError) as error:
        raise ValueError(f'{path} cannot be read: {error}; {advice}') from error
    differences = [
        f'{name} ({_short(saved.get(name))} there, {_short(current.get(name))} now)'
        for name in dict.fromkeys([*saved, *current])
        if saved.get(name) != current.get(name)
    ]
    if differences:
        raise ValueError(f'{work_dir} holds a run with another {", ".join(differences)}; {advice}')


def write_fingerprint(work_dir: str | Path, current: Mapping[str, Any]) -> None:
    """Note what the run of a work directory is started with."""
    folder = Path(work_dir, INPUT_FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / FINGERPRINT_NAME, json.dumps(current, indent=2) + '\n')


def release_untrained(work_dir: str | Path) -> None:
    """Let a run that ended before it left any weights be repeated with other inputs."""
    if not is_trained(work_dir):
        Path(work_dir, INPUT_FOLDER, FINGERPRINT_NAME).unlink(missing_ok=True)


def is_trained(work_dir: str | Path) -> bool:
    """Whether a work directory has weights, of the student or of KA-Net."""
    names = (DETECTOR_NAME, STATE_NAME, 'epoch_*.pth')
    return any(True for name in names for _ in Path(work_dir).glob(name))


def _short(value: Any) -> str:
    text = str(value)
    return f'sha256 {text[:12]}...' if len(text) == 64 and text.isalnum() else text
