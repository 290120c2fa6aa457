"""Losses that hold a student's heatmaps to a teacher's, for keypoints without labels."""

from __future__ import annotations

import torch
from mmpose.models.losses import KeypointMSELoss
from mmpose.registry import MODELS
from torch import Tensor, nn

# A logit so low that its probability is exactly zero, and that times its logarithm too.
_EXCLUDED = -1e4


def at_least_single(heatmaps: Tensor) -> Tensor:
    """Heatmaps in single precision, or their own if that is higher: sums and softmaxes over
    thousands of cells lose most of them in half precision."""
    return heatmaps.to(torch.promote_types(heatmaps.dtype, torch.float32))


def soft_cross_entropy(student: Tensor, teacher: Tensor, dim: int) -> Tensor:
    """Cross-entropy from the teacher's softmax to the student's along one axis, which it drops."""
    return -(teacher.softmax(dim) * student.log_softmax(dim)).sum(dim)


def check_same_shape(student: Tensor, teacher: Tensor) -> None:
    """Refuse heatmaps that would broadcast.

    Raises:
        ValueError: with both shapes.
    """
    if student.shape != teacher.shape:
        raise ValueError(
            f'student and teacher heatmaps differ in shape: {tuple(student.shape)} and '
            f'{tuple(teacher.shape)}; expected (B, K, h, w) of the same keypoints'
        )


@MODELS.register_module()
class SpatialDistillationLoss(nn.Module):
    r"""Cross-entropy of each keypoint's distribution over space, teacher to student (KAMP).

    .. math:: \ell_{KSD} = \frac1{BK} \sum_{b,k} w_{bk} \sum_d -s_d(t_{bk}) \log s_d(y_{bk})

    ``s`` is a softmax over the cells of one keypoint's heatmap, where LwF's runs over keypoints.
    The paper (Liang et al., "Incremental Object Keypoint Learning", CVPR 2025) leaves open how the
    two spatial axes share it and how the sum over ``d`` is reduced; both are options here. The
    defaults' gradient is about 0.75 times that of a plain mean squared error, so ``loss_weight``
    is to be searched around 1; the published weights belong to other reductions.

    Args:
        mode (str): ``'hw'``, one softmax over all cells; or ``'axes'``, one over each row and one
            over each column.
        temperature (float): Divides the heatmaps before the softmax.
        reduction (str): Over the cells of a keypoint: ``'sum'``; ``'distribution_mean'``, a sum
            over each distribution and a mean over distributions, the rows and the columns in mode
            ``axes`` (in mode ``hw`` there is one, so it equals ``'sum'``); or ``'element_mean'``,
            the sum over h * w.
        loss_weight (float): Factor of the loss.
        anchor_weight (float): Factor of a mean squared error besides: the softmax does not see a
            constant added to a heatmap, so without it the peak's value, the keypoint's score, may
            drift.

    Raises:
        ValueError: For an unknown ``mode`` or ``reduction``, or a temperature that is not positive.
    """

    MODES = ('hw', 'axes')
    REDUCTIONS = ('sum', 'distribution_mean', 'element_mean')

    def __init__(
        self,
        mode: str = 'hw',
        temperature: float = 1.0,
        reduction: str = 'sum',
        loss_weight: float = 1.0,
        anchor_weight: float = 0.0,
    ) -> None:
        super().__init__()
        if mode not in self.MODES:
            raise ValueError(f'mode is {mode!r}; expected one of {self.MODES}')
        if reduction not in self.REDUCTIONS:
            raise ValueError(f'reduction is {reduction!r}; expected one of {self.REDUCTIONS}')
        check_temperature(temperature)
        self.mode = mode
        self.temperature = temperature
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.anchor_weight = anchor_weight
        self.anchor = HeatmapL2DistillationLoss(anchor_weight)

    def forward(self, student: Tensor, teacher: Tensor, weights: Tensor | None = None) -> Tensor:
        """Loss of student heatmaps (B, K, h, w) against the teacher's.

        Args:
            student (Tensor): (B, K, h, w).
            teacher (Tensor): (B, K, h, w); gets no gradient.
            weights (Tensor | None): (B, K); the mean runs over all B * K, the hidden ones too.

        Returns:
            Tensor: Scalar; at equality the teacher's entropy, with zero gradient.
        """
        check_same_shape(student, teacher)
        per_keypoint = self._per_keypoint(
            at_least_single(student) / self.temperature,
            at_least_single(teacher.detach()) / self.temperature,
        )
        if weights is not None:
            per_keypoint = per_keypoint * weights
        loss = self.loss_weight * per_keypoint.mean()
        if self.anchor_weight:
            loss = loss + self.anchor(student, teacher, weights)
        return loss

    def _per_keypoint(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Cross-entropy (B, K) of logits (B, K, h, w), summed and averaged by the options."""
        if self.mode == 'hw':
            lines = [soft_cross_entropy(student.flatten(2), teacher.flatten(2), -1)[..., None]]
        else:
            lines = [soft_cross_entropy(student, teacher, axis) for axis in (-1, -2)]
        if self.reduction == 'distribution_mean':
            return sum(line.mean(-1) for line in lines)
        total = sum(line.sum(-1) for line in lines)
        return total / student[0, 0].numel() if self.reduction == 'element_mean' else total


@MODELS.register_module()
class ChannelDistillationLoss(nn.Module):
    """Cross-entropy of the distribution over keypoints at each cell, teacher to student.

    This is Learning without Forgetting (Li and Hoiem, ECCV 2016, equations 2 and 3), whose softmax
    over classes becomes one over heatmap channels; the mean runs over samples and cells.

    Args:
        temperature (float): Divides the heatmaps before the softmax; the paper's is 2.
        loss_weight (float): Factor of the loss.

    Raises:
        ValueError: For a temperature that is not positive.
    """

    def __init__(self, temperature: float = 2.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        check_temperature(temperature)
        self.temperature = temperature
        self.loss_weight = loss_weight

    def forward(self, student: Tensor, teacher: Tensor, weights: Tensor | None = None) -> Tensor:
        """Loss of student heatmaps (B, K, h, w) against the teacher's.

        Args:
            student (Tensor): (B, K, h, w).
            teacher (Tensor): (B, K, h, w); gets no gradient.
            weights (Tensor | None): (B, K); a keypoint with weight 0 leaves its sample's softmax,
                any other counts in full, since a distribution has no room for half an entry.

        Returns:
            Tensor: Scalar.
        """
        check_same_shape(student, teacher)
        student = at_least_single(student) / self.temperature
        teacher = at_least_single(teacher.detach()) / self.temperature
        if weights is None:
            return self.loss_weight * soft_cross_entropy(student, teacher, 1).mean()
        hidden = (weights == 0)[..., None, None]
        entropy = soft_cross_entropy(
            student.masked_fill(hidden, _EXCLUDED), teacher.masked_fill(hidden, _EXCLUDED), 1
        )
        # nothing left in a sample: its softmax is uniform over what was excluded
        return self.loss_weight * (entropy * ~hidden.all(1)).mean()


@MODELS.register_module()
class HeatmapL2DistillationLoss(nn.Module):
    """Mean squared difference of heatmaps, MMPose's ``KeypointMSELoss`` with a teacher as target.

    Args:
        loss_weight (float): Factor of the loss.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.squared_error = KeypointMSELoss(use_target_weight=True, loss_weight=loss_weight)

    def forward(self, student: Tensor, teacher: Tensor, weights: Tensor | None = None) -> Tensor:
        """Loss of student heatmaps (B, K, h, w) against the teacher's, weights (B, K) or None."""
        check_same_shape(student, teacher)
        teacher = at_least_single(teacher.detach())
        return self.squared_error(at_least_single(student), teacher, weights)


def check_temperature(temperature: float) -> None:
    """Refuse a temperature that a softmax cannot have.

    Raises:
        ValueError: with the value.
    """
    if not temperature > 0:
        raise ValueError(f'temperature is {temperature}; expected a positive number')
