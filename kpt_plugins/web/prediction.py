"""Predicting on uploaded files, bit by bit, so that the page can say how far it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer
from kpt_plugins.apis.inference_inputs import Source
from kpt_plugins.apis.inference_results import ImageResult

from .boxes import Box
from .pictures import preview

MAX_FRAMES = 300
"""Frames of a video that are predicted; what comes after them is left out."""


@dataclass(frozen=True)
class Query:
    """A photo or video to predict on.

    Attributes:
        name: What the user calls it.
        path: Our copy.
        box: Of the object, in every frame of a video; None is the whole photo.
    """

    name: str
    path: Path
    box: Box | None = None

    @property
    def source(self) -> Source:
        """The file as the inferencer's inputs know it."""
        return Source(self.name, self.path)


@dataclass(frozen=True)
class Shown:
    """A prediction and, as JPEG, the preview it is drawn over; None if the photo is unreadable."""

    result: ImageResult
    jpeg: bytes | None = field(repr=False)

    def image(self) -> np.ndarray:
        """The preview, ``uint8 array (H, W, 3)``, BGR."""
        return cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR)


def predict(inferencer: FewShotInferencer, query: Query) -> Iterator[Shown]:
    """Predictions of a photo, or of the frames of a video, as they are made.

    A file that cannot be read gives a result with ``error``.

    Args:
        inferencer: With its supports set.
        query: The file.
    """
    category = inferencer.support.category
    try:
        for count, frame in enumerate(query.source.frames()):
            if count >= MAX_FRAMES:
                break
            (result,) = inferencer.predict(frame.image, query.box)
            result.name, result.frame = query.name, frame.index
            yield Shown(result, _encode(preview(frame.image)))
    except (OSError, ValueError, cv2.error) as error:
        reason = str(error).replace(str(query.path), query.name)
        yield Shown(ImageResult(query.name, category, error=reason), None)


def progress(done: int, total: int | None, name: str, started: float) -> str:
    """What the page says while it predicts.

    Args:
        done: Predictions made.
        total: Of how many, None where it is not known, as in videos.
        name: Of the file at hand.
        started: :func:`time.monotonic` of the start.
    """
    text = f'Looking at {name}' + (f' ({done + 1} of {total})' if total else '')
    if done:
        each = (time.monotonic() - started) / done
        text += f', {each:.1f} s each'
        if total:
            text += f', about {each * (total - done):.0f} s to go'
    return f'{text} …'


def _encode(image: np.ndarray) -> bytes:
    return cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
