"""Training a detector on labels: what a work directory is given, and the run itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from kpt_plugins.annotation_formats import write_annotations
from kpt_plugins.engine.hooks.safe_checkpoint_hook import write_atomically

from .config_lookup import find_tool
from .detector_config import DetectorOptions, LabelledFiles, detector_config
from .detector_labels import Labels, unlabelled_keypoints
from .output_files import require_empty
from .run_fingerprint import INPUT_FOLDER, release_untrained, require_same_run, write_fingerprint

CONFIG = 'detector.py'


def prepare_training(
    labels: Labels,
    human: Labels | None,
    options: DetectorOptions,
    work_dir: str | Path,
    resume: bool = False,
    force: bool = False,
) -> Path:
    """Write the labels and the config of a training below ``WORK_DIR/input``.

    Args:
        labels, human: To train on; images with human labels keep those alone.
        options: How to train.
        work_dir: Of the run.
        resume: The folder may hold the beginning of the same run.
        force: The folder may hold files; the checkpoints of an earlier run are deleted.

    Returns:
        The path of the config.

    Raises:
        FileExistsError: If the folder is not empty, without ``resume`` or ``force``.
        ValueError: If the run to go on with had other labels or options, or all images of
            ``labels`` have human ones.
    """
    work_dir = Path(work_dir).expanduser()
    if human is not None:
        labels.without(human.files())
        if not labels.annotations.images:
            raise ValueError(
                f'{labels.path}: all its accepted images have labels in {human.path} too, none is '
                f'left; give {human.path} alone'
            )
    parts = {'annotations.json': labels, 'annotated.json': human}
    parts = {name: part for name, part in parts.items() if part is not None}
    folder = (work_dir / INPUT_FOLDER).resolve()
    files = [
        LabelledFiles(str(folder / name), str(part.images.resolve()), part.num_objects)
        for name, part in parts.items()
    ]
    unlabelled = unlabelled_keypoints(list(parts.values()))
    cfg = detector_config(labels.category, files, options, unlabelled)
    run = _fingerprint(parts, options)
    if resume:
        require_same_run(work_dir, run)
    else:
        require_empty(work_dir, force)
        _forget_checkpoints(work_dir)
    write_fingerprint(work_dir, run)
    for name, part in parts.items():
        write_annotations(part.annotations, folder / name, 'coco', part.images)
    write_atomically(folder / CONFIG, cfg.pretty_text)
    return folder / CONFIG


def train_detector(
    config: Path, work_dir: str | Path, device: str | None = None, allow_pickle: bool = False
) -> tuple[Path, Path]:
    """Run or go on with a prepared training, in a process of its own.

    Args:
        config: That :func:`prepare_training` returned.
        work_dir: Of the run.
        device: ``cpu``, ``cuda`` or ``cuda:N``; by default what MMEngine finds.
        allow_pickle: Load checkpoints that hold arbitrary Python objects.

    Returns:
        The paths of the config and the checkpoint, for MMPose's inferencers.

    Raises:
        ValueError: If there is no such device.
        RuntimeError: If the training fails; its output says why.
    """
    work_dir = Path(work_dir).expanduser()
    command = [sys.executable, find_tool('train.py'), config, '--work-dir', work_dir, '--resume']
    command += ['--allow-pickle'] if allow_pickle else []
    status = subprocess.run(list(map(str, command)), env=device_environment(device)).returncode
    if status:
        release_untrained(work_dir)
        raise RuntimeError(
            f'the training failed (status {status}), see above; --resume goes on with it'
        )
    checkpoint = Path((work_dir / 'last_checkpoint').read_text().strip())
    return work_dir / CONFIG, work_dir / checkpoint.name


def device_environment(device: str | None) -> dict[str, str]:
    """The environment in which MMEngine, which has no option for it, chooses a device.

    Raises:
        ValueError: If there is no such device.
    """
    if device is None:
        return dict(os.environ)
    import torch

    kind, _, number = device.partition(':')
    if device == 'cpu':
        return {**os.environ, 'CUDA_VISIBLE_DEVICES': '-1'}
    if kind != 'cuda' or (number and not number.isdecimal()):
        raise ValueError(f'device {device!r}: expected cpu, cuda or cuda:N')
    count = torch.cuda.device_count()
    if int(number or 0) >= count:
        raise ValueError(f'device {device!r}: PyTorch finds {count} CUDA devices')
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    names = visible.split(',') if visible else [str(i) for i in range(count)]
    return {**os.environ, 'CUDA_VISIBLE_DEVICES': names[int(number or 0)]}


def _fingerprint(parts: dict[str, Labels], options: DetectorOptions) -> dict:
    """All that the result depends on."""
    run = json.loads(json.dumps(asdict(options)))
    del run['workers']
    for name, part in parts.items():
        content = [asdict(part.category), str(part.images.resolve())]
        for image in part.annotations.images:
            content.append(
                [image.file_name, [(i.keypoints.tolist(), i.bbox) for i in image.instances]]
            )
        run[f'labels of {name}'] = sha256(json.dumps(content).encode()).hexdigest()
    return run


def _forget_checkpoints(work_dir: Path) -> None:
    for path in (*work_dir.glob('epoch_*.pth'), work_dir / 'last_checkpoint'):
        path.unlink(missing_ok=True)
