"""Transforms of a whole episode: what all its images must agree on.

An episode is a dict with

- ``images``: the S supports' results and, last, the query's, after the image pipeline;
- ``points`` (S + 1, K, 2): keypoints as fractions of each crop; ``visible`` (S + 1, K) bool;
- ``links``: one array (E, 2) of skeleton links an image, which pass through its visible padded
  points; ``query_links``: those that pass through what any support shows;
- ``num_keypoints``: the category's K_c real keypoints, which come first;
- ``meta``: what is known of the episode (pair index, category, annotation ids).
"""

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import BaseDataElement, InstanceData
from mmpose.registry import TRANSFORMS
from mmpose.structures import PoseDataSample

from kpt_plugins.structures.geometry import crop_to_image_matrix
from kpt_plugins.structures.padding import (
    equal_division_padding,
    mixup_padding,
    zero_padding,
)
from kpt_plugins.structures.references import structural_references


@TRANSFORMS.register_module()
class KeypointPadding(BaseTransform):
    """Fill the keypoints up to a fixed number (FMMP, section 3).

    Args:
        mode (str): ``'mixup'`` (random points on links, for training), ``'eqdiv'`` (equal
            division, for testing) or ``'zero'``.
        num_keypoints (int): Padded size K.
        alpha, probability, legacy_order: See :mod:`kpt_plugins.structures.padding`.

    Raises:
        ValueError: If a category has more keypoints than ``num_keypoints``.
    """

    def __init__(
        self,
        mode: str = 'mixup',
        num_keypoints: int = 70,
        alpha: float = 1.0,
        probability: float = 1.0,
        legacy_order: bool = False,
    ) -> None:
        if mode not in ('mixup', 'eqdiv', 'zero'):
            raise ValueError(
                f"KeypointPadding: mode must be 'mixup', 'eqdiv' or 'zero', got {mode!r}"
            )
        if alpha <= 0 or not 0 <= probability <= 1:
            raise ValueError(
                f'KeypointPadding: alpha must be above 0 and probability in [0, 1], got {alpha} '
                f'and {probability}'
            )
        self.mode = mode
        self.num_keypoints = num_keypoints
        self.alpha = alpha
        self.probability = probability
        self.legacy_order = legacy_order

    def transform(self, results: dict) -> dict:
        num_slots = self.num_keypoints - results['num_keypoints']
        if num_slots < 0:
            meta = results['meta']
            raise ValueError(
                f'category {meta["category_id"]} ({meta["category_name"]}) has '
                f'{results["num_keypoints"]} keypoints, more than KeypointPadding.num_keypoints='
                f'{self.num_keypoints}; raise it in the config (model=, --model)'
            )
        links = results['links'][-1]
        if self.mode == 'zero':
            plan = zero_padding(links, num_slots)
        elif self.mode == 'eqdiv':
            plan = equal_division_padding(links, num_slots, self.legacy_order)
        else:
            rng = np.random.default_rng(np.random.randint(2**31))
            plan = mixup_padding(
                links, num_slots, rng, self.alpha, self.probability, self.legacy_order
            )
        images = zip(results['points'], results['visible'], strict=True)
        padded = [plan.apply(points, visible) for points, visible in images]
        results['points'] = np.stack([image.points for image in padded])
        results['visible'] = np.stack([image.visible for image in padded])
        results['links'] = [image.links for image in padded]
        results['query_links'] = plan.chained_links(results['visible'][:-1].any(axis=0))
        return results


@TRANSFORMS.register_module()
class StructuralReferences(BaseTransform):
    """Look up each keypoint's reference keypoints along the skeleton (FMMP, section 2.5).

    Each support has its own table, from its own visibility. The query's table takes what any
    support shows, so that the order of the supports does not matter; for one support it is that
    support's, as in the released code. ``reverse_references`` is the query's own table, for
    training the pair in the other direction.

    Args:
        num_references (int): References M of a keypoint, itself included.
        structure (str): ``'skeleton'``, or ``'self'`` for the ablation without structure.
    """

    def __init__(self, num_references: int = 8, structure: str = 'skeleton') -> None:
        if structure not in ('skeleton', 'self'):
            raise ValueError(
                f"StructuralReferences: structure must be 'skeleton' or 'self', got {structure!r}"
            )
        if num_references < 1:
            raise ValueError(
                f'StructuralReferences: num_references must be at least 1, got {num_references}'
            )
        self.num_references = num_references
        self.structure = structure

    def transform(self, results: dict) -> dict:
        visible = results['visible']
        given = visible[:-1].any(axis=0)
        links = [*results['links'], results.get('query_links', results['links'][-1])]
        *supports, reverse, query = self._tables(links, np.concatenate([visible, given[None]]))
        results['references'] = np.stack(supports)
        results['query_references'] = query
        results['reverse_references'] = reverse
        return results

    def _tables(self, links: Sequence[np.ndarray], visible: np.ndarray) -> np.ndarray:
        """Tables (I, K, M) of images with their links and visible keypoints (I, K).

        All at once, as the parts of one skeleton that are not linked to each other.
        """
        images, size = visible.shape
        shift = size * np.arange(images)
        if self.structure == 'self':
            links = [image[:0] for image in links]
        together = np.concatenate([link + s for link, s in zip(links, shift, strict=True)])
        tables = structural_references(together, visible.reshape(-1), self.num_references)
        return tables.reshape(images, size, -1) - shift[:, None, None]


@TRANSFORMS.register_module()
class PackEpisode(BaseTransform):
    """Pack an episode into the model's input.

    Returns:
        dict: ``inputs`` uint8 Tensor (S + 1, 3, H, W), the query last; ``data_samples``, a
        :class:`PoseDataSample` of the query with ``gt_instances`` (original-image pixels) and
        ``episode`` (``points``, ``visible`` and the tables of references).
    """

    def transform(self, results: dict) -> dict:
        query = results['images'][-1]
        real = results['num_keypoints']
        episode = BaseDataElement(
            points=torch.from_numpy(results['points']),
            visible=torch.from_numpy(results['visible']),
            references=torch.from_numpy(results['references']),
            query_references=torch.from_numpy(results['query_references']),
            reverse_references=torch.from_numpy(results['reverse_references']),
        )
        rotation = query['bbox_rotation'][0] if 'bbox_rotation' in query else 0.0
        sample = PoseDataSample(
            metainfo=dict(
                results['meta'],
                num_keypoints=real,
                skeleton=query['skeleton'],
                flip_pairs=query['flip_pairs'],
                img_path=query['img_path'],
                input_size=query['input_size'],
                crop_to_image=crop_to_image_matrix(
                    query['input_center'], query['input_scale'], rotation, query['input_size']
                ),
            )
        )
        sample.gt_instances = InstanceData(
            bboxes=query['bbox'],
            keypoints=query['keypoints'],
            keypoints_visible=results['visible'][-1:, :real].astype(np.float32),
        )
        sample.set_field(episode, 'episode')
        inputs = np.stack([image['img'].transpose(2, 0, 1) for image in results['images']])
        return dict(inputs=torch.from_numpy(inputs), data_samples=sample)
