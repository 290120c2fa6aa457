"""From a few annotated images to the keypoints of any others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmpose.registry import INFERENCERS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.models.pose_estimators.few_shot_pose_estimator import to_image

from .episode_builder import EpisodeBuilder
from .inference_inputs import Input
from .inference_results import PredictedInstance
from .keypoint_inferencer import Crop, KeypointInferencer
from .model_source import ModelSource
from .prediction_models import build_few_shot_model
from .support_files import read_supports
from .support_set import SupportSet


@INFERENCERS.register_module()
class FewShotInferencer(KeypointInferencer):
    """Predicts the keypoints that a few annotated supports show, without training.

    The supports are encoded once, by :meth:`set_support`; then any number of images is predicted.
    Crops, padding and references are those of the config's test pipeline.

    Arguments and errors are those of
    :class:`~kpt_plugins.apis.keypoint_inferencer.KeypointInferencer`; the model is a few-shot one.

    Examples:
        >>> inferencer = FewShotInferencer(weights='work_dirs/fmmp_synth/epoch_9.pth')
        >>> inferencer.set_support('cat.jpg', [[40, 52], [80, 50], [61, 75]],
        ...                        names=['left eye', 'right eye', 'nose'])
        >>> for result in inferencer.predict('photos'):
        ...     print(result.name, result.instances[0].keypoints, result.instances[0].scores)
    """

    support: SupportSet | None = None
    _state: object = None  # of the encoded supports

    @property
    def category(self) -> KeypointCategory:
        """Names and skeleton of the supports' keypoints.

        Raises:
            RuntimeError: If there is no support yet.
        """
        if self._missing:
            raise RuntimeError(self._missing)
        return self.support.category

    @property
    def max_keypoints(self) -> int | None:
        """Most keypoints that supports may have, None without a limit."""
        return self.builder.max_keypoints

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
        image_dir: str | Path | None = None,
        format: str | None = None,
    ) -> SupportSet:
        """Choose what to look for, and encode it. May be called again, for another category.

        Args:
            images: An image or a list of images, paths or ``arrays (H, W, 3)``, BGR. Or, without
                keypoints and what belongs to them: a :class:`SupportSet`; a file or folder that
                :func:`~kpt_plugins.apis.support_files.read_supports` reads.
            keypoints: For each image (K, 2), x and y in pixels and NaN where a keypoint is not
                shown, or (K, 3) with a visibility, 0 where it is not shown.
            skeleton: Links (a, b), counted from 0; by default a minimum spanning tree.
            names: K names.
            bbox: For each image the object's box x1, y1, x2, y2 in pixels, or None; by default the
                whole image.
            flip_pairs: (left, right) keypoints that a mirror exchanges, counted from 0.
            category: Name of the category; of a file with several, which one.
            image_dir: Folder of the images of an annotation file, by default the one that it lies
                in.
            format: Of an annotation file, by default found out.

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
                support = read_supports(images, category, image_dir, format)
        else:
            if image_dir is not None or format is not None:
                name = 'format' if image_dir is None else 'image_dir'
                raise ValueError(f'{name} is for a file of annotations, without keypoints=')
            support = SupportSet.from_arrays(
                images, keypoints, **given, category=category or 'object'
            )
        inputs, episode = self.builder.build_support(support)
        episode = {key: value[None].to(self.device) for key, value in episode.items()}
        self._state = self.model.encode_support(self._normalise(inputs[None]), episode)
        self.support = support
        return support

    def check_supports(self, whole_images: bool = False) -> np.ndarray:
        """Predict each support from all others, which says how right predictions in other images of
        the kind will be. The supports stay as they are.

        Args:
            whole_images: Look for the keypoints in the whole image, as is done where images have no
                boxes, and not in the support's box.

        Returns:
            ``float64 array (S, K)``, how far each keypoint is from where the support shows it, as
            part of the longer side of its box; NaN where it or all others do not show it.

        Raises:
            RuntimeError: If there are no two supports yet.
        """
        category, whole = self.category, self.support
        if len(whole.supports) < 2:
            raise RuntimeError('there is one support, expected at least two to check them')
        errors = np.full((len(whole.supports), len(category.keypoint_names)), np.nan)
        try:
            for row, one in zip(errors, whole.supports, strict=True):
                others = [support for support in whole.supports if support is not one]
                self.set_support(SupportSet(category, others))
                height, width = one.image.shape[:2]
                box = np.array([0.0, 0, width, height]) if whole_images else one.bbox
                crop = Crop(*self._build_crop(one.image, one.name, box), bbox_score=1.0)
                (found,) = self._predict_crops([crop])
                known = one.visible & found.shown
                distances = np.linalg.norm(found.keypoints - one.keypoints[:, :2], axis=1)
                row[known] = distances[known] / np.ptp(one.bbox.reshape(2, 2), axis=0).max()
        finally:
            self.set_support(whole)
        return errors

    @property
    def _missing(self) -> str | None:
        if self._state is None:
            return 'there is no support yet: call set_support(images, keypoints) before predict'
        return None

    def _build_model(self, source: ModelSource) -> nn.Module:
        model = build_few_shot_model(source)
        self.builder = EpisodeBuilder(source.cfg)
        return model

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
