"""Predictions, as small objects and in the forms that other tools take."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from kpt_plugins.annotation_formats import (
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
    coco,
)
from kpt_plugins.engine.hooks.safe_checkpoint_hook import write_atomically
from kpt_plugins.visualization.instances import draw_instances


@dataclass
class PredictedInstance:
    """The keypoints of one object.

    Attributes:
        keypoints: ``float32 array (K, 2)``, x, y in pixels of the image.
        scores: ``float32 array (K,)``, confidence in [0, 1]; 0 for keypoints that cannot be known:
            no support shows them, or no prompt is theirs.
        bbox: ``float32 array (4,)``, the box it was looked for in, x1, y1, x2, y2 in pixels.
        bbox_score: Of the detector, 1 where the box was given.
        shown: ``bool array (K,)``, which keypoints count as found: those that any support shows; of
            a weak-shot model those that are sure enough. Coordinates of the others mean nothing.
    """

    keypoints: np.ndarray
    scores: np.ndarray
    bbox: np.ndarray
    bbox_score: float
    shown: np.ndarray

    @property
    def score(self) -> float:
        """Mean confidence of the keypoints that are ``shown``, 0 without any."""
        return float(self.scores[self.shown].mean()) if self.shown.any() else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The fields that MMPose's inferencers give, as plain numbers."""
        return dict(
            keypoints=self.keypoints.tolist(),
            keypoint_scores=self.scores.tolist(),
            bbox=self.bbox.tolist(),
            bbox_score=float(self.bbox_score),
        )


@dataclass
class ImageResult:
    """What was predicted in an image or a frame of a video.

    Attributes:
        name: Of the input, see :class:`~kpt_plugins.apis.inference_inputs.Frame`.
        category: Names and skeleton of the keypoints.
        width, height: Of the image in pixels.
        instances: Found objects.
        frame: Place in the video, from 0; None for a still image.
        error: Why there is no prediction; None where all went well.
        visualization: The drawing, ``uint8 array (H, W, 3)``, BGR, if it was asked for.
    """

    name: str
    category: KeypointCategory
    width: int = 0
    height: int = 0
    instances: list[PredictedInstance] = field(default_factory=list)
    frame: int | None = None
    error: str | None = None
    visualization: np.ndarray | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """All but the drawing, as plain values that JSON can hold."""
        return dict(
            name=self.name,
            frame=self.frame,
            width=self.width,
            height=self.height,
            category=self.category.name,
            keypoint_names=list(self.category.keypoint_names),
            skeleton=[list(link) for link in self.category.skeleton],
            instances=[instance.to_dict() for instance in self.instances],
            error=self.error,
        )

    def draw(self, image: np.ndarray, draw_bbox: bool = False, kpt_thr: float = 0.0) -> np.ndarray:
        """Draw the result over its image ``uint8 array (H, W, 3)``, BGR, see
        :func:`~kpt_plugins.visualization.instances.draw_instances`."""
        each = self.instances
        return draw_instances(
            image,
            [instance.keypoints for instance in each],
            [instance.scores for instance in each],
            [instance.shown for instance in each],
            np.array(self.category.skeleton, dtype=np.int64).reshape(-1, 2),
            [instance.bbox for instance in each] if draw_bbox else None,
            kpt_thr,
        )

    def to_data_sample(self) -> PoseDataSample:
        """The prediction as MMPose's models give it: ``pred_instances`` with ``keypoints``
        (N, K, 2), ``keypoint_scores`` (N, K), ``keypoints_visible`` (N, K), ``bboxes`` (N, 4) and
        ``bbox_scores`` (N,)."""
        size = len(self.category.keypoint_names)
        each = self.instances
        scores = np.array([i.scores for i in each], np.float32).reshape(-1, size)
        sample = PoseDataSample(
            metainfo=dict(
                img_path=self.name,
                ori_shape=(self.height, self.width),
                category_name=self.category.name,
                keypoint_names=list(self.category.keypoint_names),
                skeleton=list(self.category.skeleton),
                flip_pairs=list(self.category.flip_pairs),
            )
        )
        sample.pred_instances = InstanceData(
            keypoints=np.array([i.keypoints for i in each], np.float32).reshape(-1, size, 2),
            keypoint_scores=scores,
            keypoints_visible=scores.copy(),
            bboxes=np.array([i.bbox for i in each], np.float32).reshape(-1, 4),
            bbox_scores=np.array([i.bbox_score for i in each], np.float32),
        )
        return sample


def to_annotation_set(results: Sequence[ImageResult]) -> AnnotationSet:
    """Predictions as annotations with scores, for the writers of annotation formats.

    Keypoints that are not ``shown`` are absent. Inputs that failed are left out; frames of a video
    are named ``VIDEO/000012.jpg``.
    """
    categories, images = {}, []
    for result in results:
        if result.error is not None:
            continue
        categories[result.category.name] = result.category
        instances = []
        for each in result.instances:
            visibility = 2.0 * each.shown[:, None]
            x1, y1, x2, y2 = each.bbox.tolist()
            instances.append(
                KeypointInstance(
                    result.category.name,
                    np.concatenate([each.keypoints, visibility], axis=1),
                    (x1, y1, x2 - x1, y2 - y1),
                    each.scores,
                )
            )
        images.append(AnnotatedImage(_file_name(result), result.width, result.height, instances))
    return AnnotationSet(list(categories.values()), images)


def to_coco(results: Sequence[ImageResult]) -> dict[str, Any]:
    """Predictions as a COCO keypoint file, which is read as annotations, and whose ``annotations``
    are COCO results too: each has ``score``, the mean confidence, beside ``keypoint_scores``.

    Args:
        results: Inputs that failed are left out.

    Returns:
        The content of the JSON file, numbers rounded to what is worth keeping; frames of a video
        say ``video`` and ``frame_id``. Keypoints that are not ``shown`` have visibility 0.
    """
    data = coco.content(to_annotation_set(results))
    data['info']['description'] = 'Predicted by kpt_plugins'
    results = [result for result in results if result.error is None]
    for record, result in zip(data['images'], results, strict=True):
        if result.frame is not None:
            record.update(video=result.name, frame_id=result.frame)
    instances = [instance for result in results for instance in result.instances]
    for record, instance in zip(data['annotations'], instances, strict=True):
        for name, digits in dict(keypoints=2, bbox=2, keypoint_scores=4).items():
            record[name] = [round(value, digits) for value in record[name]]
        record.update(area=round(record['area'], 2), score=round(instance.score, 4))
    return data


def write_coco(path: str | Path, results: Sequence[ImageResult]) -> Path:
    """Write :func:`to_coco` as a JSON file, complete or not at all, and return its path.

    Raises:
        OSError: If it cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(to_coco(results)) + '\n')
    return path


def _file_name(result: ImageResult) -> str:
    name = result.name.replace('\\', '/')
    return name if result.frame is None else f'{name}/{result.frame:06d}.jpg'
