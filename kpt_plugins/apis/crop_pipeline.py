"""Images in memory through the image transforms of a config's test dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from mmpose.registry import TRANSFORMS


def compose(transforms: Sequence[dict]) -> Compose:
    """The transforms of a list of configs, one after the other."""
    return Compose([TRANSFORMS.build(transform) for transform in transforms])


class CropPipeline:
    """Crops boxes out of images as a test run does.

    Args:
        transforms: Configs of the transforms. The one that loads the image leaves it as it is.
    """

    def __init__(self, transforms: Sequence[dict]) -> None:
        self.transforms = compose(transforms)

    def __call__(
        self, image: np.ndarray, name: str, bbox: np.ndarray, category_name: str, **entries: Any
    ) -> dict:
        """What the transforms make of a record, as ``MP100Dataset`` gives it without its labels.

        Args:
            image: ``uint8 array (H, W, 3)``, BGR.
            name: Of the image.
            bbox: (4,), x1, y1, x2, y2 in pixels.
            category_name: Of the object.
            entries: What else the record has.
        """
        record = dict(
            img=image,
            img_path=name,
            img_id=0,
            id=0,
            category_id=0,
            category_name=category_name,
            bbox=np.asarray(bbox, np.float32)[None],
            bbox_score=np.ones(1, np.float32),
        )
        return self.transforms(record | entries)
