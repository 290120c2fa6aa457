"""A heatmap detector that learns new keypoints and keeps its old ones (KAMP)."""

from __future__ import annotations

from collections.abc import Sequence
from pickle import UnpicklingError
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.utils.typing import SampleList
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kpt_plugins.structures.keypoint_steps import KeypointSteps
from kpt_plugins.structures.step_manifest import check_parent
from kpt_plugins.structures.triplets import Triplet

# Parts that only training needs: they are left out of checkpoints.
TRAINING_PARTS = ('teacher.', 'ka_net.', 'regularizer.', 'distillation.', 'uniformity.')


@MODELS.register_module()
class IncrementalPoseEstimator(TopdownPoseEstimator):
    """Student, frozen teacher and KA-Net of a step of incremental keypoint learning.

    The student is the estimator itself. It starts from the old detector, with rows for the new
    keypoints added to its last layer; the teacher is the old detector, frozen. The state dict
    holds the student alone, under the names of :class:`TopdownPoseEstimator`.

    Two stages (KAMP, section 2.3 of the paper's reading in docs/ikl.md): ``'association'`` trains
    KA-Net alone, to predict the teacher's heatmap of an old keypoint from the ground truth of two
    new ones and the teacher's features; ``'promotion'`` trains the student on the ground truth of
    the new keypoints, the teacher's heatmaps and KA-Net's.

    Args:
        backbone, neck, test_cfg, data_preprocessor, ...: As for :class:`TopdownPoseEstimator`.
        head (dict): Of a :class:`HeatmapHead`, without ``out_channels``.
        steps (Sequence[Sequence[str]]): Keypoint names of every step.
        step (int): The step to learn, from 1.
        parent (str): Checkpoint of the old detector. Needed for training only.
        distillation (dict | None): Loss on the old keypoints' heatmaps against the teacher's.
        ka_net (dict | None): Of a :class:`KANet`, without ``in_channels``.
        association_loss (dict): Loss on the triplets' old keypoints against KA-Net's heatmaps.
        triplets (str | Sequence): ``'miner'``, ``'skeleton'``, ``'random'``, or names
            ``[[first new, second new, old], ...]``; :class:`KnowledgeAssociationHook` resolves
            them.
        regularizer (dict | None): Penalty on the change of parameters.
        uniformity (dict | None): Penalty on peaked heatmaps (CPR).
        joint (bool): The old keypoints are labelled as well: joint training, the upper bound.
        peak_threshold (float): KA-Net neither learns from nor teaches what the teacher's heatmap
            of the old keypoint peaks below this.
        norm_eval (bool): Batch norms of the student keep the old detector's statistics, for steps
            of few images.

    Raises:
        ValueError: If ``step`` is not one of the steps from 1, or the head is no heatmap head.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        steps: Sequence[Sequence[str]],
        step: int,
        parent: str | None = None,
        neck: dict | None = None,
        distillation: dict | None = None,
        ka_net: dict | None = None,
        association_loss: dict | None = None,
        triplets: str | Sequence[Sequence[str]] = 'miner',
        regularizer: dict | None = None,
        uniformity: dict | None = None,
        joint: bool = False,
        peak_threshold: float = 0.2,
        norm_eval: bool = False,
        **kwargs: Any,
    ) -> None:
        self.steps = KeypointSteps(steps)
        self.steps.check_step(step)
        self.step = step
        if step == 0:
            raise ValueError(
                'IncrementalPoseEstimator: step 0 is the base detector, train it as an ordinary '
                'TopdownPoseEstimator'
            )
        if head.get('type') not in ('HeatmapHead', 'IncrementalHeatmapHead'):
            raise ValueError(
                f'IncrementalPoseEstimator: the head must be a HeatmapHead, got '
                f'{head.get("type")!r}; other heads have no heatmaps to distil'
            )
        head = {k: v for k, v in head.items() if k not in ('type', 'out_channels', 'num_old')}
        old, seen = self.steps.num_old(step), len(self.steps.names(step))
        # all weights come from the parent
        backbone = {k: v for k, v in backbone.items() if k != 'init_cfg'}
        student = dict(head, type='IncrementalHeatmapHead', num_old=old, out_channels=seen)
        teacher = dict(head, type='HeatmapHead', out_channels=old)
        super().__init__(backbone=backbone, neck=neck, head=student, **kwargs)
        self.norm_eval = norm_eval
        self.parent, self.parent_sha256 = parent, None
        self.joint = joint
        self.peak_threshold = peak_threshold
        self.triplet_option, self.triplets = triplets, ()
        self.teacher = TopdownPoseEstimator(backbone=backbone, neck=neck, head=teacher)
        self.teacher.requires_grad_(False)
        self.distillation = distillation and MODELS.build(distillation)
        self.regularizer = regularizer and MODELS.build(regularizer)
        self.uniformity = uniformity and MODELS.build(uniformity)
        self.ka_net = self.association_loss = None
        if ka_net:
            channels = self.teacher.head.final_layer.in_channels
            self.ka_net = MODELS.build(dict(type='KANet', **ka_net, in_channels=channels))
            self.association_loss = MODELS.build(
                association_loss or dict(type='SpatialDistillationLoss')
            )
            # It is trained before the student, by its hook, and frozen then: nothing of it may
            # wait for gradients of other processes.
            self._ddp_params_and_buffers_to_ignore = [
                f'ka_net.{name}' for name in self.ka_net.state_dict()
            ]
        self.stage = 'promotion'
        self._register_state_dict_hook(_drop_training_parts)
        self.register_load_state_dict_post_hook(_forgive_training_parts)

    def init_weights(self) -> None:
        """Load the old detector into teacher and student.

        Raises:
            ValueError: If ``parent`` is not given, or is not this step's old detector.
        """
        if not self.parent:
            raise ValueError(
                f'model.parent is not set: step {self.step} starts from the checkpoint of step '
                f'{self.step - 1}'
            )
        super().init_weights()
        self.parent_sha256 = check_parent(self.parent, self.steps.names(self.step - 1))
        state = self._read_parent()
        try:
            self.teacher.load_state_dict(state)
            self.load_state_dict(state)
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f'{self.parent} does not fit the model of step {self.step}, whose old detector has '
                f'{self.steps.num_old(self.step)} keypoints: {error}'
            ) from error
        if self.regularizer is not None:
            self.regularizer.load(self)
        print_log(f'step {self.step} starts from {self.parent}', 'current')

    def _read_parent(self) -> dict[str, Tensor]:
        try:
            content = CheckpointLoader.load_checkpoint(str(self.parent), map_location='cpu')
        except (UnpicklingError, RuntimeError, EOFError) as error:
            raise ValueError(
                f'model.parent={self.parent} is no checkpoint, or damaged: {error}'
            ) from error
        found = content.get('meta', {}).get('keypoint_names')
        names = self.steps.names(self.step - 1)
        if found is not None and tuple(found) != tuple(names):
            raise ValueError(
                f'{self.parent} cannot be the parent of step {self.step}: it has the keypoints '
                f'{", ".join(found)}, in this order, but the step expects {", ".join(names)}'
            )
        return content.get('state_dict', content)

    def set_triplets(self, triplets: Sequence[Triplet]) -> None:
        """Choose what KA-Net associates.

        Raises:
            ValueError: If the number differs from ``ka_net.num_triplets``.
        """
        number = self.ka_net.num_triplets
        if len(triplets) != number:
            raise ValueError(
                f'model.triplets has {len(triplets)} triplets, model.ka_net.num_triplets is '
                f'{number}'
            )
        self.triplets = tuple(Triplet(*triplet) for triplet in triplets)
        names = list(self.steps.names(self.step))
        columns = zip(*self.triplets, strict=True)
        self._first, self._second, self._old = ([names.index(n) for n in c] for c in columns)

    def set_stage(self, stage: str) -> None:
        """``'association'`` trains KA-Net alone, ``'promotion'`` the student alone."""
        self.stage = stage
        if self.ka_net is not None:
            self.ka_net.requires_grad_(stage == 'association')
        self.train(self.training)

    def train(self, mode: bool = True) -> IncrementalPoseEstimator:
        """As for any module, but teacher and a finished KA-Net stay in evaluation mode.

        Their batch norm statistics would drift otherwise.
        """
        super().train(mode)
        if mode and getattr(self, 'norm_eval', False):
            for part in (self.backbone, getattr(self, 'neck', None), self.head):
                _freeze_norms(part)
        if hasattr(self, 'teacher'):
            self.teacher.eval()
        if getattr(self, 'ka_net', None) is not None and self.stage != 'association':
            self.ka_net.eval()
        return self

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of the current stage.

        Args:
            inputs (Tensor): Crops (B, 3, H, W), normalised.
            data_samples: With ``gt_fields.heatmaps`` (K, h, w) of all keypoints seen so far.

        Returns:
            dict: ``loss_association`` in the stage of that name; otherwise ``loss_kpt``,
            ``acc_pose`` and what the options ask for.
        """
        if self.stage == 'association':
            return dict(loss_association=self.association(inputs, data_samples))
        heatmaps = self.head(self.extract_feat(inputs))
        losses = self.head.keypoint_loss(heatmaps, data_samples, all_keypoints=self.joint)
        if self.distillation is not None or self.ka_net is not None:
            features, teacher = self.teach(inputs)
        if self.distillation is not None:
            old = heatmaps[:, : teacher.shape[1]]
            losses['loss_distillation'] = self.distillation(old, teacher)
        if self.ka_net is not None:
            with torch.no_grad():
                target, weights = self.associate(features, teacher, data_samples)
            losses['loss_association'] = self.association_loss(
                heatmaps[:, self._old], target, weights
            )
        if self.regularizer is not None:
            losses['loss_regularizer'] = self.regularizer(self)
        if self.uniformity is not None:
            losses['loss_uniformity'] = self.uniformity(heatmaps)
        return losses

    @torch.no_grad()
    def teach(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The teacher's features (B, C, h, w) at the heatmaps' resolution, and its heatmaps."""
        head = self.teacher.head
        features = head.conv_layers(head.deconv_layers(self.teacher.extract_feat(inputs)[-1]))
        return features, head.final_layer(features)

    def associate(
        self, features: Tensor, teacher: Tensor, data_samples: SampleList
    ) -> tuple[Tensor, Tensor]:
        """KA-Net's heatmaps (B, n, h, w) of the triplets' old keypoints, and their weights (B, n).

        The weight is 0 where one of the two new keypoints is not labelled, or the teacher is not
        sure of the old one.
        """
        heatmaps = torch.stack([sample.gt_fields.heatmaps for sample in data_samples])
        labelled = torch.cat(
            [sample.gt_instance_labels.keypoint_weights for sample in data_samples]
        )
        first, second = heatmaps[:, self._first], heatmaps[:, self._second]
        sure = teacher[:, self._old].amax(dim=(2, 3)) >= self.peak_threshold
        weights = (labelled[:, self._first] > 0) & (labelled[:, self._second] > 0) & sure
        return self.ka_net(features, first, second), weights.to(features)

    def association(self, inputs: Tensor, data_samples: SampleList) -> Tensor:
        """Mean squared error of KA-Net's heatmaps to the teacher's, the pseudo-labels."""
        features, teacher = self.teach(inputs)
        predicted, weights = self.associate(features, teacher, data_samples)
        squares = (predicted - teacher[:, self._old]).square().mean(dim=(2, 3))
        return (squares * weights).sum() / weights.sum().clamp(min=1)


def _freeze_norms(part: nn.Module | None) -> None:
    for module in part.modules() if part is not None else ():
        if isinstance(module, _BatchNorm):
            module.eval()


def _drop_training_parts(module: nn.Module, state: dict, prefix: str, *_: Any) -> None:
    for key in [k for k in state if k.removeprefix(prefix).startswith(TRAINING_PARTS)]:
        del state[key]


def _forgive_training_parts(module: nn.Module, keys: Any) -> None:
    keys.missing_keys[:] = [k for k in keys.missing_keys if not k.startswith(TRAINING_PARTS)]
