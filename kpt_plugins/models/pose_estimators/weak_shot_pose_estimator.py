"""Weak-shot pose estimation: novel categories from unlabelled images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import MODELS, TASK_UTILS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from kpt_plugins.models.layers.prompt_decoding import MODES, Prompts, decode_prompts
from kpt_plugins.models.layers.prompt_names import PromptNames
from kpt_plugins.models.layers.prompt_selection import spread_gaussian_prompts
from kpt_plugins.models.layers.view_average import average_views
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
        selection (dict | None): ``candidates`` and ``keep``: the losses of single images
            (``equivariance``, ``localization``) are about the ``keep`` prompts that
            :func:`~kpt_plugins.models.layers.prompt_selection.spread_gaussian_prompts` chooses; by
            default about all, by their visibility.
        softargmax (str): ``'local'`` or ``'global'``, see
            :func:`~kpt_plugins.models.layers.prompt_decoding.decode_prompts`.
        test_cfg (dict | None): ``views`` (int, 1): predictions are of heatmaps averaged over so
            many views, see :func:`~kpt_plugins.models.layers.view_average.average_views`.
        train_cfg, data_preprocessor, init_cfg: As in MMPose.

    Raises:
        ValueError: For unknown losses, those whose part of the model is missing, a sigma that is
            not positive, or fewer than one view.
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
        selection: dict | None = None,
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
        self.views = (test_cfg or {}).get('views', 1)
        if self.views < 1:
            raise ValueError(f'test_cfg.views is {self.views}; expected 1 or more')
        self.sigma = sigma
        if selection is not None and min(selection['candidates'], selection['keep']) < 1:
            raise ValueError(f'selection is {selection}; expected 1 or more candidates and keep')
        if softargmax not in MODES:
            raise ValueError(f'softargmax is {softargmax!r}; expected one of {MODES}')
        self.selection = selection
        self.softargmax = softargmax
        self.prompt_names = PromptNames()
        self.novel_scale = 1.0
        # of the last training batch, for PromptUsageHook
        self.latest_heatmaps: Tensor | None = None

    def extract_feat(self, inputs: Tensor) -> Features:
        """Maps of images (B, 3, H, W)."""
        levels = self.backbone(inputs)
        return Features(self.neck(levels), levels, getattr(levels, 'prompt_maps', None))

    def heatmaps(self, features: Features) -> Tensor:
        """The prompts' heatmaps (B, N, h, w), at least in single precision."""
        maps = self.head(features.fused, features.levels, features.prompt_maps)
        return at_least_single(maps)

    def _prompt_maps(self, inputs: Tensor) -> Tensor:
        return self.heatmaps(self.extract_feat(inputs))

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
        """Losses of a batch of pairs, ``loss_`` and the names of the configured ones.

        All names are there whatever the batch holds; those it says nothing about are zero.
        """
        pairs = stack_pairs(data_samples)
        base = 2 * len(pairs.base)
        novel = 2 * len(pairs.novel) if self._teaches_novel else 0
        # without anything to learn from, the images still give zeros with a graph
        order = [*pairs.base, *pairs.novel] if novel or not base else pairs.base
        images = inputs.unflatten(0, (-1, 2))[order].flatten(0, 1)
        moved = matrices = None
        if novel and 'equivariance' in self.losses:
            moved, matrices = self.losses['equivariance'].move(images[base:])
            images = torch.cat([images, moved])
        features = self.extract_feat(images)
        heatmaps = self.heatmaps(features)
        self.latest_heatmaps = heatmaps[: base + novel].detach()  # none of the moved images
        # half precision would not do for sums of squares over maps
        with torch.autocast(inputs.device.type, enabled=False):
            fused = at_least_single(features.fused)
            if base:
                terms = self._base_losses(heatmaps[:base], fused[:base], pairs)
            else:
                terms = dict.fromkeys(BASE_LOSSES, self._zero(heatmaps, fused))
            if novel:
                own = slice(base, base + novel)
                taught = self._novel_losses(
                    heatmaps[own], fused[own], heatmaps[base + novel :], matrices
                )
            else:
                taught = dict.fromkeys(NOVEL_LOSSES, 0 * heatmaps.sum())
        terms.update({name: self.novel_scale * value for name, value in taught.items()})
        return {f'loss_{name}': terms[name] for name in self.losses}

    @property
    def _teaches_novel(self) -> bool:
        return self.novel_scale > 0 and any(name in self.losses for name in NOVEL_LOSSES)

    def _zero(self, heatmaps: Tensor, fused: Tensor) -> Tensor:
        """Zero that depends on every parameter, for processes that wait for all gradients."""
        total = heatmaps.sum()
        if self.keyness is not None:
            total = total + self.keyness(fused).sum()
        if self.correspondence is not None:
            total = total + self.correspondence(fused).sum() + self.correspondence.scale
        return 0 * total

    def _base_losses(self, heatmaps: Tensor, fused: Tensor, pairs: PairBatch) -> dict[str, Tensor]:
        """Losses of labelled pairs from heatmaps (2B, N, h, w) and features (2B, C, h, w)."""
        heatmaps = heatmaps.unflatten(0, (-1, 2))
        labels = dict(points=pairs.points.to(heatmaps), visible=pairs.visible.to(heatmaps.device))
        terms = {}
        if 'prompt' in self.losses:
            assignment = self.assigner(
                heatmaps.detach(), **labels, category_ids=pairs.category_ids, sigma=self.sigma
            )
            terms['prompt'] = self.losses['prompt'](
                heatmaps, **labels, assignment=assignment, sigma=self.sigma
            )
        if 'keyness' in self.losses:
            maps = self.keyness(fused).unflatten(0, (-1, 2))
            terms['keyness'] = self.losses['keyness'](maps, **labels, sigma=self.sigma)
        if 'correspondence' in self.losses:
            descriptors = self.correspondence(fused).unflatten(0, (-1, 2))
            terms['correspondence'] = self.losses['correspondence'](
                descriptors, **labels, scale=self.correspondence.scale
            )
        return terms

    def _novel_losses(
        self, heatmaps: Tensor, fused: Tensor, moved: Tensor, matrices: Tensor | None
    ) -> dict[str, Tensor]:
        """Losses of unlabelled pairs.

        Args:
            heatmaps (Tensor): (2B, N, h, w).
            fused (Tensor): Features (2B, C, h, w), which teach and are not taught.
            moved (Tensor): Heatmaps (2B, N, h, w) of the moved images.
            matrices (Tensor | None): (2B, 2, 3), how they were moved.
        """
        prompts = self.decode(heatmaps)
        terms = {}
        if 'guiding' in self.losses:
            with torch.no_grad():
                offsets = self.keyness.local_offset(self.keyness(fused), prompts.points)
            terms['guiding'] = self.losses['guiding'](
                *(each.unflatten(0, (-1, 2)) for each in (prompts.points, offsets)),
                prompts.visibility.detach().unflatten(0, (-1, 2)),
                self.keyness.radius,
                heatmaps.shape[-2:],
            )
        if 'consistency' in self.losses:
            terms['consistency'] = self._consistency(heatmaps, fused, prompts)
        if 'equivariance' in self.losses or 'localization' in self.losses:
            weights = self._select(heatmaps, prompts)
        if 'equivariance' in self.losses:
            terms['equivariance'] = self.losses['equivariance'](heatmaps, moved, matrices, weights)
        if 'localization' in self.losses:
            terms['localization'] = self.losses['localization'](heatmaps, weights, self.sigma)
        return terms

    def _consistency(self, heatmaps: Tensor, fused: Tensor, prompts: Prompts) -> Tensor:
        loss = self.losses['consistency']
        with torch.no_grad():
            descriptors = self.correspondence(fused)
            other = swap(descriptors)
            source = swap(prompts.points)
            transferred, cosine = self.correspondence.transfer(source, other, descriptors)
            cycle = None
            if loss.max_cycle is not None:
                back, _ = self.correspondence.transfer(transferred, descriptors, other)
                size = back.new_tensor([heatmaps.shape[-1], heatmaps.shape[-2]])
                cycle = ((back - source) * size).norm(dim=-1).unflatten(0, (-1, 2))
        return loss(
            heatmaps.unflatten(0, (-1, 2)),
            transferred.unflatten(0, (-1, 2)),
            swap(prompts.visibility.detach()).unflatten(0, (-1, 2)),
            cosine.unflatten(0, (-1, 2)),
            self.sigma,
            cycle,
        )

    def _select(self, heatmaps: Tensor, prompts: Prompts) -> Tensor:
        """Weights (2B, N) of the prompts in the losses of single images."""
        if self.selection is None:
            return prompts.visibility.detach()
        return spread_gaussian_prompts(
            heatmaps.detach(), prompts.points.detach(), self.sigma, **self.selection
        )

    def set_prompt_assignment(self, assignment: Mapping[int, Sequence[int]]) -> None:
        """Name prompts after keypoints; kept in the state dict.

        Args:
            assignment (Mapping): Category id to the prompts of its keypoints, -1 for none.

        Raises:
            ValueError: For a prompt that does not exist.
        """
        self.prompt_names.set(assignment, self.head.num_prompts)

    def predict(
        self, inputs: Tensor, data_samples: Sequence[PoseDataSample]
    ) -> Sequence[PoseDataSample]:
        """Adds ``pred_instances`` (original-image pixels, numpy) to every data sample.

        ``keypoints`` (1, N, 2) are the prompts' points, ``keypoint_scores`` (1, N) their
        visibilities. For a category whose prompts have names, ``named_keypoints`` (1, K, 2) and
        ``named_keypoint_scores`` (1, K) are those of its keypoints in order; a keypoint without a
        prompt is NaN with a score of 0.
        """
        prompts = self.decode(average_views(self._prompt_maps, inputs, self.views))
        for number, sample in enumerate(data_samples):
            names = self.prompt_names.get(sample.metainfo.get('category_id', -1))
            sample.pred_instances = prompts_to_image(
                prompts.points[number], prompts.visibility[number], sample, names
            )
        return data_samples


def swap(values: Tensor) -> Tensor:
    """Values (2B, ...) of images i0, r0, i1, r1, ... as r0, i0, r1, i1, ..."""
    return values.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


def prediction_state_dict(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The part of a state dict that predicting needs: without keyness, correspondence, assigner.

    It loads in a model whose ``keyness`` and ``correspondence`` are None, and in a whole one with
    ``strict=False``; either predicts the same as before.
    """
    dropped = ('keyness.', 'correspondence.', 'assigner.', 'losses.')
    return {name: value for name, value in state_dict.items() if not name.startswith(dropped)}
