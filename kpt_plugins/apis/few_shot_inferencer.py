"""From a few annotated images to the keypoints of any others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmpose.registry import INFERENCERS
from mmpose.structures import PoseDataSample
from torch import Tensor

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.models.pose_estimators.few_shot_pose_estimator import to_image

from .episode_builder import EpisodeBuilder
from .few_shot_model import load_few_shot_model
from .inference_inputs import Input
from .inference_results import PredictedInstance
from .keypoint_inferencer import Crop, KeypointInferencer
from .model_loading import find_device
from .support_files import read_supports
from .support_set import SupportSet


@INFERENCERS.register_module()
class FewShotInferencer(KeypointInferencer):
    """Predicts the keypoints that a few annotated supports show, without training.

    The supports are encoded once, by :meth:`set_support`; then any number of images is predicted.
    Crops, padding and references are those of the config's test pipeline.

    Args:
        model: Config file, name of a shipped config, or the config itself; by default the one in
            the checkpoint.
        weights: Checkpoint file. Without it, ``model`` is needed and its weights are random.
        device: As in PyTorch, by default a GPU if there is one.
        det_model: Config file or model-zoo name of an MMDetection model, which finds the objects
            where no box is given. Without it that is the whole image.
        det_weights: The detector's checkpoint, by default the model zoo's.
        det_cat_ids: Indices of the detector's classes to keep, by default all.
        bbox_thr: Least score of a detected box.
        nms_thr: Of two detected boxes with a higher overlap the less sure one is dropped.
        show_progress: Show a progress bar.
        allow_pickle: Read a checkpoint with arbitrary Python objects, of an author whom you trust.

    Raises:
        FileNotFoundError, ValueError: If config or checkpoint is missing, damaged, or not of a
            few-shot model, or they do not fit each other; if there is no such device.

    Examples:
        >>> inferencer = FewShotInferencer(weights='work_dirs/fmmp_synth/epoch_9.pth')
        >>> inferencer.set_support('cat.jpg', [[40, 52], [80, 50], [61, 75]],
        ...                        names=['left eye', 'right eye', 'nose'])
        >>> for result in inferencer.predict('photos'):
        ...     print(result.name, result.instances[0].keypoints, result.instances[0].scores)
    """

    def __init__(
        self,
        model: str | Path | Config | dict | None = None,
        weights: str | Path | None = None,
        device: str | None = None,
        det_model: str | Path | None = None,
        det_weights: str | Path | None = None,
        det_cat_ids: int | Sequence[int] | None = None,
        bbox_thr: float = 0.3,
        nms_thr: float = 0.3,
        show_progress: bool = False,
        allow_pickle: bool = False,
    ) -> None:
        device = find_device(device)
        self.cfg, loaded = load_few_shot_model(model, weights, allow_pickle)
        self.builder = EpisodeBuilder(self.cfg)
        super().__init__(
            loaded, device, det_model, det_weights, det_cat_ids, bbox_thr, nms_thr, show_progress
        )
        self.support: SupportSet | None = None
        self._state: object = None

    @property
    def category(self) -> KeypointCategory:
        """Names and skeleton of the supports' keypoints."""
        return self.support.category

    @torch.no_grad()
    def set_support(
        self,
        images: Input | Sequence[Input] | SupportSet,
        keypoints: np.ndarray | Sequence | None = None,
        skeleton: Sequence | None = None,
        names: Sequence[str] | None = None,
        bbox: Sequence | None = None,
        flip_pairs: Sequence | None = None,
        category: str | None = None,
    ) -> SupportSet:
        """Choose what to look for, and encode it. May be called again, for another category.

        Args:
            images: An image or a list of images, paths or ``arrays (H, W, 3)``, BGR. Or, without
                the other arguments: a :class:`SupportSet`; a file or folder that
                :func:`~kpt_plugins.apis.support_files.read_supports` reads.
            keypoints: For each image (K, 2), x and y in pixels and NaN where a keypoint is not
                shown, or (K, 3) with a visibility, 0 where it is not shown.
            skeleton: Links (a, b), counted from 0; by default a minimum spanning tree.
            names: K names.
            bbox: For each image the object's box x1, y1, x2, y2 in pixels, or None; by default the
                whole image.
            flip_pairs: (left, right) keypoints that a mirror exchanges, counted from 0.
            category: Name of the category; of a file with several, which one.

        Returns:
            The supports, completed.

        Raises:
            FileNotFoundError, TypeError, ValueError: Naming the image or file, what is wrong with
                it and what was expected. The supports set before stay.
        """
        given = dict(skeleton=skeleton, names=names, bbox=bbox, flip_pairs=flip_pairs)
        if keypoints is None:
            extra = [name for name, value in given.items() if value is not None]
            if extra or not isinstance(images, (str, Path, SupportSet)):
                raise ValueError(
                    f'keypoints: None{f", but {extra[0]} is given" if extra else ""}; expected an '
                    f'array for each image, or only a file or folder of annotated images'
                )
            support = images
            if not isinstance(images, SupportSet):
                support = read_supports(images, category)
        else:
            support = SupportSet.from_arrays(
                images, keypoints, **given, category=category or 'object'
            )
        inputs, episode = self.builder.build_support(support)
        episode = {key: value[None].to(self.device) for key, value in episode.items()}
        self._state = self.model.encode_support(self._normalise(inputs[None]), episode)
        self.support = support
        return support

    @property
    def _missing(self) -> str | None:
        if self._state is None:
            return 'there is no support yet: call set_support(images, keypoints) before predict'
        return None

    def _build_crop(
        self, image: np.ndarray, name: str, bbox: np.ndarray
    ) -> tuple[Tensor, PoseDataSample]:
        return self.builder.build_query(image, name, bbox, self.category)

    @torch.no_grad()
    def _predict_crops(self, crops: Sequence[Crop]) -> list[PredictedInstance]:
        inputs = self._normalise(torch.stack([crop.inputs for crop in crops]))
        predictions = self.model.predict_query(inputs, self._state)
        shown, instances = self.support.shown, []
        for crop, prediction in zip(crops, predictions, strict=True):
            found = to_image(prediction, crop.sample)
            instances.append(
                PredictedInstance(
                    keypoints=found.keypoints[0].astype(np.float32),
                    scores=np.where(shown, found.keypoint_scores[0], 0).astype(np.float32),
                    bbox=found.bboxes[0],
                    bbox_score=crop.bbox_score,
                    shown=shown.copy(),
                )
            )
        return instances

    def _normalise(self, images: Tensor) -> Tensor:
        """Crops (..., 3, H, W) as the model takes them, on its device."""
        return self.model.data_preprocessor(dict(inputs=images, data_samples=None))['inputs']
