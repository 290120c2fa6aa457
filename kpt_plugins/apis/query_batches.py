"""Queries in batches: read, cropped, and those that cannot be read set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .inference_inputs import Frame, Inputs, Source, find_item, find_sources
from .support_set import is_box

# Images wait until their crops fill a batch; together they are not much larger than this.
_WAITING_PIXELS = 50_000_000


@dataclass
class Query:
    """An image with the crops to predict, or why there is none.

    Attributes:
        name: Of its source.
        frame: The image, None where it cannot be read.
        crops: What the crop function made of it, one for each object.
        error: Why it cannot be read or cropped.
    """

    name: str
    frame: Frame | None
    crops: list
    error: Exception | None = None


def find_queries(inputs: Inputs, bbox: Sequence | None) -> list[tuple[Source, Sequence | None]]:
    """Sources with their boxes.

    Args:
        inputs: See :func:`~kpt_plugins.apis.inference_inputs.find_sources`.
        bbox: A box or boxes of every image, or of a list of inputs a list of as many.

    Raises:
        ValueError: If there are not as many boxes as inputs.
    """
    if bbox is None or is_box(bbox) or not isinstance(inputs, (list, tuple)):
        return [(source, bbox) for source in find_sources(inputs)]
    if len(bbox) != len(inputs):
        raise ValueError(
            f'bbox: {len(bbox)} for {len(inputs)} inputs, expected for each a box, boxes or None'
        )
    return [
        (source, boxes)
        for number, (item, boxes) in enumerate(zip(inputs, bbox, strict=True))
        for source in find_item(item, number, alone=False)
    ]


def read_batches(
    queries: Sequence[tuple[Source, Sequence | None]],
    crop: Callable[[Frame, Sequence | None], list],
    batch_size: int,
    alone: bool,
) -> Iterator[list[Query]]:
    """Queries in order, in lists with at least ``batch_size`` crops (but the last).

    Args:
        queries: Sources and their boxes.
        crop: Makes the crops of an image and its boxes.
        batch_size: Crops of a list.
        alone: There is one input only: an error before its first image is raised.
    """
    batch, crops, pixels, anything = [], 0, 0, False
    for source, boxes in queries:
        for query in _read(source, boxes, crop):
            if query.error is not None and alone and not anything:
                raise query.error
            anything = True
            batch.append(query)
            crops += len(query.crops)
            pixels += np.prod(query.frame.image.shape[:2]) if query.frame else 0
            if crops >= batch_size or pixels >= _WAITING_PIXELS:
                yield batch
                batch, crops, pixels = [], 0, 0
    if batch:
        yield batch


def _read(source: Source, boxes: Sequence | None, crop: Callable) -> Iterator[Query]:
    try:
        for frame in source.frames():
            yield Query(source.name, frame, crop(frame, boxes))
    except (OSError, TypeError, ValueError) as error:
        yield Query(source.name, None, [], error)
