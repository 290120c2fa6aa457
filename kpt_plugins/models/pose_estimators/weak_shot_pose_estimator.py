"""Weak-shot pose estimation: novel categories from unlabelled images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import MODELS, TASK_UTILS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from kpt_plugins.models.layers.prompt_decoding import Prompts, decode_prompts
from kpt_plugins.models.losses.distillation import at_least_single
from kpt_plugins.models.pose_estimators.pair_batch import PairBatch, stack_pairs
from kpt_plugins.models.pose_estimators.prompts_to_image import prompts_to_image

# The losses and the part of the model, beside the prompts, that each needs.
BASE_LOSSES = dict(prompt='assigner', keyness='keyness', correspondence='correspondence')
NOVEL_LOSSES = dict(
    guiding='keyness', consistency='correspondence', equivariance=None, localization=None
)


class Features(NamedTuple):
    """A fused map (B, C, h, w), the backbone's levels and its prompts' maps, if it has any."""

    fused: Tensor
    levels: Sequence[Tensor]
    prompt_maps: Tensor | None


class WeakShotOutput(NamedTuple):
    """All that the model says about B images.

    Attributes:
        heatmaps (Tensor): (B, N, h, w) of the prompts, in [0, 1].
        prompts (Prompts): Their points (B, N, 2), fractions of the crop, and visibilities (B, N).
        keyness (Tensor | None): (B, 1, h, w) in [0, 1], or offsets (B, 2, h, w) in cells.
        descriptors (Tensor | None): (B, D, h, w), of length one.
    """

    heatmaps: Tensor
    prompts: Prompts
    keyness: Tensor | None
    descriptors: Tensor | None


@MODELS.register_module()
class WeakShotPoseEstimator(BasePoseEstimator):
    """Weak-shot keypoint estimation by keyness and correspondence (Chen et al., NeurIPS 2025).

    Prompts' heatmaps, a keyness map and dense descriptors are learned from labelled base
    categories; on unlabelled pairs of novel categories the keyness map and the descriptors then
    teach the prompts. At test the prompts' branch runs alone.

    The contract: ``inputs`` are normalised crops (2B, 3, H, W) in the order i0, r0, i1, r1, ...;
    data samples as :func:`~kpt_plugins.models.pose_estimators.pair_batch.stack_pairs` takes them.
    A backbone in which the prompts live gives
    :class:`~kpt_plugins.models.backbones.prompted_features.PromptedFeatures`.

    ``novel_scale``, 1 unless :class:`~kpt_plugins.engine.hooks.NovelWarmupHook` changes it, is the
    factor of the novel losses; at 0 novel images are not looked at.

    Args:
        backbone, neck, head (dict): The neck makes one map of the backbone's levels; the head is a
            ``PromptHeatmapHead`` or ``PromptMapHead``.
        keyness, correspondence (dict | None): The heads that training needs.
        assigner (dict | None): ``PromptKeypointAssigner``, its default if None.
        losses (Mapping): Configs of the losses by name: ``prompt``, ``keyness``,
            ``correspondence`` of base categories, ``guiding``, ``consistency``, ``equivariance``,
            ``localization`` of novel ones. One that is None or missing is left out.
        sigma (float): Standard deviation of keypoints' Gaussians in cells of the heatmaps.
        softargmax (str): ``'local'`` or ``'global'``, see
            :func:`~kpt_plugins.models.layers.prompt_decoding.decode_prompts`.
        train_cfg, test_cfg, data_preprocessor, init_cfg: As in MMPose.

    Raises:
        ValueError: For unknown losses, those whose part of the model is missing, or a sigma that
            is not positive.
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        head: dict,
        keyness: dict | None = None,
        correspondence: dict | None = None,
        assigner: dict | None = None,
        losses: Mapping[str, dict | None] | None = None,
        sigma: float = 2.0,
        softargmax: str = 'local',
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            backbone=backbone,
            neck=neck,
            head=head,
            train_cfg=train_cfg,
            test_cfg=test_cfg,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        if not sigma > 0:
            raise ValueError(f'sigma is {sigma}; expected a positive number of heatmap cells')
        self.keyness = None if keyness is None else MODELS.build(keyness)
        self.correspondence = None if correspondence is None else MODELS.build(correspondence)
        self.assigner = TASK_UTILS.build(assigner or dict(type='PromptKeypointAssigner'))
        self.losses = nn.ModuleDict(
            {name: MODELS.build(loss) for name, loss in (losses or {}).items() if loss is not None}
        )
        for name in self.losses:
            if name not in BASE_LOSSES | NOVEL_LOSSES:
                known = ', '.join(BASE_LOSSES | NOVEL_LOSSES)
                raise ValueError(f"losses has '{name}'; expected some of {known}")
            part = (BASE_LOSSES | NOVEL_LOSSES)[name]
            if part is not None and getattr(self, part) is None:
                raise ValueError(f"losses has '{name}', but the model's {part} is None")
        self.sigma = sigma
        self.softargmax = softargmax
        self.novel_scale = 1.0

    def extract_feat(self, inputs: Tensor) -> Features:
        """Maps of images (B, 3, H, W)."""
        levels = self.backbone(inputs)
        return Features(self.neck(levels), levels, getattr(levels, 'prompt_maps', None))

    def heatmaps(self, features: Features) -> Tensor:
        """The prompts' heatmaps (B, N, h, w), at least in single precision."""
        maps = self.head(features.fused, features.levels, features.prompt_maps)
        return at_least_single(maps)

    def decode(self, heatmaps: Tensor) -> Prompts:
        """Points and visibilities of heatmaps (B, N, h, w)."""
        return decode_prompts(heatmaps, self.sigma, self.softargmax)

    def _forward(
        self, inputs: Tensor, data_samples: Sequence[PoseDataSample] | None = None
    ) -> WeakShotOutput:
        features = self.extract_feat(inputs)
        heatmaps = self.heatmaps(features)
        return WeakShotOutput(
            heatmaps,
            self.decode(heatmaps),
            None if self.keyness is None else self.keyness(features.fused),
            None if self.correspondence is None else self.correspondence(features.fused),
        )

    def loss(self, inputs: Tensor, data_samples: Sequence[PoseDataSample]) -> dict[str, Tensor]:
        """Losses of a batch of pairs, ``loss_`` and the names of the configured ones."""
        pairs = stack_pairs(data_samples)
        number = len(pairs.base)
        images = inputs.unflatten(0, (-1, 2))[pairs.base].flatten(0, 1)
        features = self.extract_feat(images)
        heatmaps = self.heatmaps(features)
        return self._base_losses(heatmaps.unflatten(0, (number, 2)), features.fused, pairs)

    def _base_losses(self, heatmaps: Tensor, fused: Tensor, pairs: PairBatch) -> dict[str, Tensor]:
        points, visible = pairs.points.to(heatmaps), pairs.visible.to(heatmaps.device)
        labels = dict(points=points, visible=visible)
        terms = {}
        if 'prompt' in self.losses:
            assignment = self.assigner(
                heatmaps.detach(), **labels, category_ids=pairs.category_ids, sigma=self.sigma
            )
            terms['loss_prompt'] = self.losses['prompt'](
                heatmaps, **labels, assignment=assignment, sigma=self.sigma
            )
        if 'keyness' in self.losses:
            maps = at_least_single(self.keyness(fused)).unflatten(0, heatmaps.shape[:2])
            terms['loss_keyness'] = self.losses['keyness'](maps, **labels, sigma=self.sigma)
        if 'correspondence' in self.losses:
            descriptors = at_least_single(self.correspondence(fused))
            terms['loss_correspondence'] = self.losses['correspondence'](
                descriptors.unflatten(0, heatmaps.shape[:2]),
                **labels,
                scale=self.correspondence.scale,
            )
        return terms

    def predict(
        self, inputs: Tensor, data_samples: Sequence[PoseDataSample]
    ) -> Sequence[PoseDataSample]:
        """Adds ``pred_instances`` (original-image pixels, numpy) to every data sample.

        ``keypoints`` (1, N, 2) are the prompts' points, ``keypoint_scores`` (1, N) their
        visibilities.
        """
        prompts = self.decode(self.heatmaps(self.extract_feat(inputs)))
        for number, sample in enumerate(data_samples):
            sample.pred_instances = prompts_to_image(*(value[number] for value in prompts), sample)
        return data_samples
