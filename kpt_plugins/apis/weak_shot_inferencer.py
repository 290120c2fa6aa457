"""The keypoints that a weak-shot model has learned, in any images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmpose.registry import INFERENCERS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from kpt_plugins.annotation_formats import KeypointCategory

from .crop_pipeline import CropPipeline
from .inference_results import PredictedInstance
from .keypoint_inferencer import Crop, KeypointInferencer
from .model_loading import predict_items
from .model_source import ModelSource
from .prediction_models import build_weak_shot_model
from .prompt_assignment import load_assignment, name_prompts, names_meta
from .prompt_categories import named_categories, unnamed_prompts
from .run_config import find_datasets

_UNNAMED = -1  # the id of a category that has no names


@INFERENCERS.register_module()
class WeakShotInferencer(KeypointInferencer):
    """Predicts the prompts of a weak-shot model, by their names where they have any.

    A checkpoint of ``tools/fit_prompt_assignment.py --save-checkpoint`` knows the names, links and
    prompts of some categories' keypoints, of which one is predicted at a time. Of any other
    checkpoint all N prompts are predicted, as ``prompt 0`` and so on. The score of a keypoint is
    its prompt's visibility. Crops are those of the config's test pipeline.

    Args:
        options: Arguments of :class:`~kpt_plugins.apis.keypoint_inferencer.KeypointInferencer`,
            ``model``, ``weights`` and others.
        category: Name of the category, where there are several; see :meth:`set_category`.
        prompt_names: JSON file of ``tools/fit_prompt_assignment.py``, with the names for a
            checkpoint that has none, or others.
        min_score: A point with a lower score counts as hidden: it is not drawn, and absent from
            COCO files. In the results it stays, with ``shown`` False. A keypoint that has no
            prompt is hidden always, at (0, 0) with a score of 0.

    Raises:
        FileNotFoundError, ValueError: If config, checkpoint or names are missing, damaged, or not
            of a weak-shot model, or they do not fit each other; if there is no such category, or
            there are several and none is chosen; if ``min_score`` is not 0 to 1; if there is no
            such device.

    Examples:
        >>> inferencer = WeakShotInferencer(weights='deer.pth')
        >>> inferencer.category.keypoint_names
        ['nose', 'left ear', 'right ear']
        >>> for result in inferencer.predict('photos'):
        ...     print(result.name, result.instances[0].keypoints, result.instances[0].scores)
    """

    def __init__(
        self,
        *options: Any,
        category: str | None = None,
        prompt_names: str | Path | None = None,
        min_score: float = 0.1,
        **more_options: Any,
    ) -> None:
        if not 0 <= min_score <= 1:
            raise ValueError(f'min_score={min_score}, expected 0 to 1')
        self.min_score, self._prompt_names = min_score, prompt_names
        super().__init__(*options, **more_options)
        self.set_category(category)

    def _build_model(self, source: ModelSource) -> nn.Module:
        model, meta = build_weak_shot_model(source), source.meta
        datasets = find_datasets(source.cfg, 'test_dataloader', 'CategoryPairDataset')
        if not datasets:
            raise ValueError(
                f'{source.where}: the config has no CategoryPairDataset in test_dataloader, whose '
                f'transforms are needed'
            )
        self.pipeline = CropPipeline(datasets[0]['pipeline'])
        if self._prompt_names is not None:
            named = load_assignment(self._prompt_names)
            name_prompts(model, named)
            meta = names_meta(named)
        self._names_file = str(self._prompt_names or source.weights or source.where)
        self._categories = named_categories(model, meta, self._names_file)
        if not self._categories:
            self._categories[_UNNAMED] = unnamed_prompts(model.head.num_prompts)
        return model

    @property
    def category(self) -> KeypointCategory:
        """Names and skeleton of the keypoints that are predicted."""
        return self._categories[self._category_id]

    @property
    def categories(self) -> list[str]:
        """Names of the categories to choose from; ``object`` where the prompts have no names."""
        return [category.name for category in self._categories.values()]

    def set_category(self, name: str | None = None) -> KeypointCategory:
        """Choose whose keypoints to predict.

        Args:
            name: One of :attr:`categories`; not needed where there is one.

        Returns:
            The category.

        Raises:
            ValueError: If there is no such category, or several and no name. The one set before
                stays.
        """
        ids = dict(zip(self.categories, self._categories, strict=True))
        if name is None and len(ids) == 1:
            (name,) = ids
        if name not in ids:
            reason = f'expected one of {", ".join(ids)}'
            if _UNNAMED in self._categories:
                reason = 'but the prompts have no names, which tools/fit_prompt_assignment.py gives'
            raise ValueError(f'{self._names_file}: category={name!r}, {reason}')
        self._category_id = ids[name]
        return self.category

    def _build_crop(
        self, image: np.ndarray, name: str, bbox: np.ndarray
    ) -> tuple[Tensor, PoseDataSample]:
        item = self.pipeline(
            image,
            name,
            bbox,
            self.category.name,
            category_id=self._category_id,
            is_base=False,
            role='test',
            index=0,
            labelled=False,
        )
        return item['inputs'], item['data_samples']

    def _predict_crops(self, crops: Sequence[Crop]) -> list[PredictedInstance]:
        items = [dict(inputs=crop.inputs, data_samples=crop.sample) for crop in crops]
        prefix = '' if self._category_id == _UNNAMED else 'named_'
        instances = []
        for crop, sample in zip(crops, predict_items(self.model, items), strict=True):
            found = sample.pred_instances
            keypoints = found[f'{prefix}keypoints'][0].astype(np.float32)
            scores = found[f'{prefix}keypoint_scores'][0].astype(np.float32)
            has_prompt = np.isfinite(keypoints).all(axis=1)
            instances.append(
                PredictedInstance(
                    keypoints=np.where(has_prompt[:, None], keypoints, 0),
                    scores=scores,
                    bbox=found.bboxes[0],
                    bbox_score=crop.bbox_score,
                    shown=has_prompt & (scores >= self.min_score),
                )
            )
        return instances
