"""The keypoints of a top-down detector, in any images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmpose.registry import INFERENCERS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from kpt_plugins.annotation_formats import KeypointCategory

from .crop_pipeline import CropPipeline
from .detector_metainfo import known_metainfo, metainfo_category
from .inference_results import PredictedInstance
from .keypoint_inferencer import Crop, KeypointInferencer
from .model_loading import predict_items
from .model_source import ModelSource
from .prediction_models import build_detector
from .run_config import walk_dicts


@INFERENCERS.register_module()
class DetectorInferencer(KeypointInferencer):
    """Predicts the keypoints that a top-down detector was trained on: MMPose's, CoKe, KAMP.

    What ``MMPoseInferencer`` predicts, with the inputs and results of our other inferencers. Crops
    are those of the config's test pipeline; names and links of the keypoints come from the
    checkpoint, or else from the config.

    Arguments and errors are those of
    :class:`~kpt_plugins.apis.keypoint_inferencer.KeypointInferencer`; besides there is a
    ``ValueError`` where neither checkpoint nor config names the keypoints.

    Examples:
        >>> inferencer = DetectorInferencer(weights='work_dirs/detector/epoch_40.pth')
        >>> for result in inferencer.predict('photos'):
        ...     print(result.name, result.instances[0].keypoints, result.instances[0].scores)
    """

    def _build_model(self, source: ModelSource) -> nn.Module:
        model = build_detector(source)
        self._info = known_metainfo(source.cfg, source.meta)
        if not self._info:
            raise ValueError(
                f'{source.weights or source.where}: neither the checkpoint nor the metainfo of '
                f'test_dataloader.dataset names the keypoints'
            )
        self._category = metainfo_category(self._info)
        weights = self._info.get('dataset_keypoint_weights')
        size = len(self._category.keypoint_names)
        # 0 says that no label of the training showed it (apis/detector_config.py)
        self._learned = np.ones(size, bool) if weights is None else np.array(weights) > 0
        for dataset in walk_dicts(source.cfg.get('test_dataloader')):
            transforms = dataset.get('pipeline') or ()
            if any(transform.get('type') == 'TopdownAffine' for transform in transforms):
                self.pipeline = CropPipeline(transforms)
                return model
        raise ValueError(
            f'{source.where}: test_dataloader has no pipeline with TopdownAffine, which cuts boxes '
            f'out of images'
        )

    @property
    def category(self) -> KeypointCategory:
        """Names and skeleton of the detector's keypoints; its name is that of the training data."""
        return self._category

    def _build_crop(
        self, image: np.ndarray, name: str, bbox: np.ndarray
    ) -> tuple[Tensor, PoseDataSample]:
        item = self.pipeline(image, name, bbox, self._category.name, **self._info)
        return item['inputs'], item['data_samples']

    def _predict_crops(self, crops: Sequence[Crop]) -> list[PredictedInstance]:
        items = [dict(inputs=crop.inputs, data_samples=crop.sample) for crop in crops]
        instances = []
        for crop, sample in zip(crops, predict_items(self.model, items), strict=True):
            found = sample.pred_instances
            scores = found.keypoint_scores[0].clip(0, 1)
            instances.append(
                PredictedInstance(
                    keypoints=found.keypoints[0].astype(np.float32),
                    scores=np.where(self._learned, scores, 0).astype(np.float32),
                    bbox=crop.sample.gt_instances.bboxes[0],
                    bbox_score=crop.bbox_score,
                    shown=self._learned.copy(),
                )
            )
        return instances
