"""What is known of a step of incremental learning, written beside its checkpoint."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST_NAME = 'manifest.json'


@dataclass(frozen=True)
class StepManifest:
    """A step's detector and where it comes from.

    Args:
        step (int): Number of the step, 0 for the base detector.
        seen_names (list[str]): Keypoints of the detector, in the order of its heatmaps.
        new_names (list[str]): Those that this step added, the last of ``seen_names``.
        checkpoint (str): File name of the detector, in the manifest's folder.
        sha256 (str): Of that file.
        parent_sha256 (str | None): Of the old detector's file; None at the base step.
        triplets (list): (first new, second new, old) names of KA-Net; empty without it.
        seed (int | None): Seed of the run.
        minutes (float | None): Time of the training of both stages.
    """

    step: int
    seen_names: Sequence[str]
    new_names: Sequence[str]
    checkpoint: str
    sha256: str
    parent_sha256: str | None = None
    triplets: Sequence[Sequence[str]] = ()
    seed: int | None = None
    minutes: float | None = None

    def write(self, folder: str | Path) -> Path:
        """Write ``manifest.json`` into a folder, all at once."""
        path = Path(folder, MANIFEST_NAME)
        partial = path.with_name(path.name + '.partial')
        partial.write_text(json.dumps(asdict(self), indent=2) + '\n')
        os.replace(partial, path)
        return path


def read_manifest(folder: str | Path) -> StepManifest | None:
    """The manifest of a folder; None if it has none.

    Raises:
        ValueError: If the file is not a manifest.
    """
    path = Path(folder, MANIFEST_NAME)
    if not path.is_file():
        return None
    try:
        return StepManifest(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise ValueError(f'{path} is not the manifest of a step: {error}') from error


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file, as hexadecimal digits.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def check_parent(checkpoint: str | Path, old_names: Sequence[str]) -> str:
    """Whether a file is the old detector that a step starts from.

    A detector without a manifest, from a model zoo for instance, is taken at its word.

    Args:
        checkpoint: The old detector's file.
        old_names: Keypoints that it must have, in the order of its heatmaps.

    Returns:
        str: The file's SHA-256.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the manifest beside the file names other keypoints, or another content.
    """
    checkpoint = Path(checkpoint)
    if not checkpoint.is_file():
        raise FileNotFoundError(
            f'{checkpoint}: there is no such old detector; train the step before first '
            f'(tools/train_incremental.py does all steps in order), or set model.parent'
        )
    found = sha256_of(checkpoint)
    manifest = read_manifest(checkpoint.parent)
    if manifest is None or manifest.checkpoint != checkpoint.name:
        return found
    if manifest.sha256 != found:
        raise ValueError(
            f'{checkpoint} is not the file that {checkpoint.parent / MANIFEST_NAME} describes: its '
            f'sha256 is {found[:12]}..., the manifest says {manifest.sha256[:12]}...'
        )
    if list(manifest.seen_names) != list(old_names):
        raise ValueError(
            f'{checkpoint} cannot be the parent of this step: its manifest has the keypoints '
            f'{", ".join(manifest.seen_names)}, in this order, but the step expects '
            f'{", ".join(old_names)}'
        )
    return found
