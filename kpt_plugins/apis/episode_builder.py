"""Supports and queries through the transforms of a config's test dataset."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import Tensor

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.datasets.transforms import KeypointPadding
from kpt_plugins.structures.geometry import crop_to_image_matrix

from .crop_pipeline import CropPipeline, compose
from .run_config import episode_datasets
from .support_set import SupportSet


class EpisodeBuilder:
    """Makes of images what the ``EpisodeDataset`` of a config makes of records.

    The crops come from the image pipeline, padding and references from the episode pipeline of the
    config's ``test_dataloader``, so a prediction is that of a test run.

    Args:
        cfg: Config with an ``EpisodeDataset`` in ``test_dataloader``.

    Raises:
        ValueError: If it has none.
    """

    def __init__(self, cfg: Config) -> None:
        datasets = episode_datasets(cfg, 'test_dataloader')
        if not datasets:
            raise ValueError(
                'the config has no EpisodeDataset in test_dataloader, whose transforms are needed; '
                'models of other kinds go through MMPoseInferencer'
            )
        init_default_scope(cfg.get('default_scope', 'mmpose'))
        self.image_pipeline = CropPipeline(datasets[0]['dataset']['pipeline'])
        self.episode_pipeline = compose(datasets[0]['pipeline'])

    @property
    def max_keypoints(self) -> int | None:
        """Most keypoints that supports may have, None without a limit."""
        paddings = (t for t in self.episode_pipeline.transforms if isinstance(t, KeypointPadding))
        return next((padding.num_keypoints for padding in paddings), None)

    def build_support(self, support: SupportSet) -> tuple[Tensor, dict[str, Tensor]]:
        """Crops of S supports, and what the model must know of their K keypoints.

        Returns:
            ``uint8 Tensor (S, 3, H, W)``, BGR, and ``points`` (S, K, 2) as fractions of the crop,
            ``visible`` (S, K), ``references`` (S, K, M), ``query_references`` (K, M), where K
            counts padded keypoints too.

        Raises:
            ValueError: If no keypoint of a support lies in its box, or the category has more
                keypoints than the config pads to.
        """
        category = support.category
        images = []
        for each in support.supports:
            image = self._crop(each.image, each.name, each.bbox, category, each.keypoints)
            if not image['keypoints_visible'].any():
                raise ValueError(
                    f'{each.name}: no keypoint lies in the bbox {each.bbox.tolist()}, expected the '
                    f'box x1, y1, x2, y2 of the annotated object'
                )
            images.append(image)
        # An episode ends with its query. None is known yet, and nothing of what is taken from the
        # episode below depends on it: the last support stands in.
        images.append(images[-1])
        size = np.asarray(images[0]['input_size'], np.float32)
        points = np.concatenate([image['transformed_keypoints'] for image in images]) / size
        visible = np.concatenate([image['keypoints_visible'] for image in images]) > 0
        points[~visible] = 0.0
        links = np.array(category.skeleton, dtype=np.int64).reshape(-1, 2)
        item = self.episode_pipeline(
            dict(
                images=images,
                points=points.astype(np.float32),
                visible=visible,
                links=[links] * len(images),
                num_keypoints=len(category.keypoint_names),
                meta=dict(category_id=0, category_name=category.name, id=0),
            )
        )
        episode = item['data_samples'].episode
        return item['inputs'][:-1], dict(
            points=episode.points[:-1],
            visible=episode.visible[:-1],
            references=episode.references,
            query_references=episode.query_references,
        )

    def build_query(
        self, image: np.ndarray, name: str, bbox: np.ndarray, category: KeypointCategory
    ) -> tuple[Tensor, PoseDataSample]:
        """A crop ``uint8 Tensor (3, H, W)``, BGR, of a box (4,) in an image, and a sample that
        knows the way back (see :func:`~kpt_plugins.models.pose_estimators.to_image`)."""
        size = len(category.keypoint_names)
        crop = self._crop(image, name, bbox, category, np.zeros((size, 3)))
        sample = PoseDataSample(
            metainfo=dict(
                img_path=name,
                num_keypoints=size,
                input_size=crop['input_size'],
                crop_to_image=crop_to_image_matrix(
                    crop['input_center'], crop['input_scale'], 0.0, crop['input_size']
                ),
            )
        )
        sample.gt_instances = InstanceData(bboxes=crop['bbox'])
        return torch.from_numpy(np.ascontiguousarray(crop['img'].transpose(2, 0, 1))), sample

    def _crop(
        self,
        image: np.ndarray,
        name: str,
        bbox: np.ndarray,
        category: KeypointCategory,
        keypoints: np.ndarray,
    ) -> dict:
        """The image pipeline over a record as ``MP100Dataset`` makes it."""
        return self.image_pipeline(
            image,
            name,
            bbox,
            category.name,
            keypoints=keypoints[None, :, :2].astype(np.float32),
            keypoints_visible=(keypoints[None, :, 2] > 0).astype(np.float32),
            skeleton=np.array(category.skeleton, dtype=np.int64).reshape(-1, 2),
            keypoint_names=list(category.keypoint_names),
            flip_pairs=list(category.flip_pairs),
        )
