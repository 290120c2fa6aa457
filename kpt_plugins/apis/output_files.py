"""Where predictions go: pictures, videos and JSON files in folders, under names that are safe."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import cv2
import numpy as np

from kpt_plugins.visualization import write_image

from .inference_results import ImageResult

# What file systems and shells do not take for part of a name, control characters, and bytes that
# are no UTF-8.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f\ud800-\udfff<>:"/\\|?*$`\'&;!]')
_LONGEST = 120


def require_empty(folder: str | Path, force: bool) -> None:
    """Refuse a folder that has files in it, unless the user insists.

    Raises:
        FileExistsError: Naming a file in it.
        OSError: As :func:`require_folder`.
    """
    folder = Path(folder).expanduser()
    require_folder(folder)
    first = min(folder.iterdir(), default=None) if folder.is_dir() else None
    if first is not None and not force:
        raise FileExistsError(
            f'{folder} is not empty, it has {first.name}; choose another folder, or --force'
        )


def require_folder(folder: str | Path) -> None:
    """Refuse a folder that cannot be made or written in, before the work whose results it is for.

    Raises:
        FileExistsError: If it, or a folder that it is to lie in, is a file.
        PermissionError: If nothing may be written there.
    """
    folder = Path(folder).expanduser().absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise FileExistsError(f'{existing}: a file, expected a folder for the results')
    if not os.access(existing, os.W_OK):
        raise PermissionError(f'{existing}: you may not write in this folder')


class OutputFolder:
    """A folder that gives every output a file of its own.

    Args:
        folder: Made when the first file is asked for.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser()
        self._taken: set[str] = set()

    def new_path(self, name: str, suffix: str) -> Path:
        """A file for an input, in this folder whatever its name is.

        Args:
            name: Of the input, possibly with folders, which are dropped.
            suffix: Of the new file, with its dot.

        Returns:
            A path not returned before: ``a.jpg`` and ``b/a.png`` give ``a.json`` and ``a_2.json``.
        """
        base = name.replace('\\', '/').rstrip('/').rpartition('/')[2]
        stem = _UNSAFE.sub('_', base.rpartition('.')[0] or base).strip('. ')[:_LONGEST] or 'input'
        number, unique = 1, stem
        while unique.casefold() in self._taken:
            number += 1
            unique = f'{stem}_{number}'
        self._taken.add(unique.casefold())
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f'{unique}{suffix}'


class ResultWriter:
    """Writes results as they come; a context manager, which completes the files of videos.

    Args:
        vis_out_dir: Folder of drawings, one JPEG an image and one MP4 a video; none if empty.
        pred_out_dir: Folder of JSON files as MMPose's inferencers write them: a list of instances
            of an image, a list of ``frame_id`` and ``instances`` of a video; none if empty.
    """

    def __init__(self, vis_out_dir: str | Path = '', pred_out_dir: str | Path = '') -> None:
        for folder in filter(None, (vis_out_dir, pred_out_dir)):
            require_folder(folder)
        self._pictures = OutputFolder(vis_out_dir) if vis_out_dir else None
        self._predictions = OutputFolder(pred_out_dir) if pred_out_dir else None
        self._video: cv2.VideoWriter | None = None
        self._video_name = ''
        self._video_frames: list[dict] = []

    def __enter__(self) -> ResultWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._finish_video()

    def write(self, result: ImageResult, fps: float | None) -> None:
        """Write a result. Frames of a video must follow each other.

        Args:
            result: With its ``visualization`` where there is a folder of drawings. A failed one
                leaves no file.
            fps: Frames a second of the result's video.

        Raises:
            OSError: If a file cannot be written.
        """
        if result.frame is None or result.frame == 0:
            self._finish_video()
        if result.error is not None:
            return
        drawing = result.visualization
        instances = [instance.to_dict() for instance in result.instances]
        if result.frame is not None:
            self._video_name = result.name
            self._video_frames.append(dict(frame_id=result.frame, instances=instances))
        elif self._predictions:
            self._dump(result.name, instances)
        if self._pictures and result.frame is None:
            write_image(self._pictures.new_path(result.name, '.jpg'), drawing)
        elif self._pictures:
            if self._video is None:
                self._video = self._open_video(result.name, drawing, fps)
            self._video.write(drawing)

    def _open_video(self, name: str, drawing: np.ndarray, fps: float) -> cv2.VideoWriter:
        path = self._pictures.new_path(name, '.mp4')
        code = cv2.VideoWriter_fourcc(*'mp4v')
        video = cv2.VideoWriter(str(path), code, fps, drawing.shape[1::-1])
        if not video.isOpened():
            raise OSError(f'video {path} cannot be written')
        return video

    def _finish_video(self) -> None:
        if self._video is not None:
            self._video.release()
            self._video = None
        if self._video_frames and self._predictions:
            self._dump(self._video_name, self._video_frames)
        self._video_frames = []

    def _dump(self, name: str, content: list) -> None:
        path = self._predictions.new_path(name, '.json')
        path.write_text(json.dumps(content, indent=1), encoding='utf-8')
