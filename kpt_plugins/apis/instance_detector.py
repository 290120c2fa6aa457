"""Boxes of objects by an MMDetection model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.registry import DefaultScope
from mmpose.evaluation.functional import nms

from .checkpoint import use_safe_loading


class InstanceDetector:
    """Finds the boxes of objects in images.

    Args:
        model: Config file of an MMDetection model, or its name in MMDetection's model zoo.
        weights: Its checkpoint; by default that of the model zoo.
        category_ids: Indices of the detector's classes to keep, by default all.
        device: Where it runs, by default a GPU if there is one.
        bbox_thr: Least score of a box.
        nms_thr: Of two boxes with a higher overlap (IoU), the one with the lower score is dropped.

    Raises:
        ImportError: If MMDetection is not installed.
    """

    def __init__(
        self,
        model: str | Path,
        weights: str | Path | None = None,
        category_ids: int | Sequence[int] | None = None,
        device: str | None = None,
        bbox_thr: float = 0.3,
        nms_thr: float = 0.3,
    ) -> None:
        try:
            from mmdet.apis import DetInferencer
        except ImportError as error:
            raise ImportError(
                f'det_model needs MMDetection, which cannot be imported ({error}): see '
                f'docs/install.md, or give boxes yourself (bbox)'
            ) from error
        use_safe_loading()
        try:
            # DetInferencer makes its scope the default one, where our models would not be found.
            with DefaultScope.overwrite_default_scope('mmdet'):
                self.detector = DetInferencer(
                    model=str(model),
                    weights=None if weights is None else str(weights),
                    device=device,
                    scope='mmdet',
                    show_progress=False,
                )
        except ValueError as error:
            raise ValueError(f'det_model {str(model)!r}: {error}') from error
        self.category_ids = np.atleast_1d([] if category_ids is None else category_ids)
        self.bbox_thr = bbox_thr
        self.nms_thr = nms_thr

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (N, 4), x1, y1, x2, y2 in pixels, and scores (N,), best first; possibly none.

        Args:
            image: ``uint8 array (H, W, 3)``, BGR.
        """
        (sample,) = self.detector(image, return_datasamples=True)['predictions']
        found = sample.pred_instances.cpu().numpy()
        keep = found.scores > self.bbox_thr
        if len(self.category_ids):
            keep &= np.isin(found.labels, self.category_ids)
        boxes = np.concatenate([found.bboxes, found.scores[:, None]], axis=1)[keep]
        height, width = image.shape[:2]
        sides = np.minimum(boxes[:, 2:4], [width, height]) - np.maximum(boxes[:, :2], 0)
        boxes = boxes[(sides > 0).all(axis=1)]
        boxes = boxes[nms(boxes, self.nms_thr)] if len(boxes) else boxes
        return boxes[:, :4], boxes[:, 4]
