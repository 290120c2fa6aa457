"""A heatmap head that takes over an old head's keypoints and learns new ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmpose.evaluation.functional import pose_pck_accuracy
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils.tensor_utils import to_numpy
from torch import Tensor, nn

from kpt_plugins.models.checkpoint_mismatch import CheckpointMismatchError


@MODELS.register_module()
class IncrementalHeatmapHead(HeatmapHead):
    """MMPose's ``HeatmapHead`` whose first ``num_old`` channels come from an older checkpoint.

    Loading a checkpoint whose last layer has ``num_old`` rows copies them, so the old channels'
    output does not change by a bit; the new rows keep their initialisation, N(0, 0.001) and bias
    zero after ``init_weights``. A checkpoint with all ``out_channels`` rows loads as it is. Keys
    and shapes of the state dict are those of ``HeatmapHead``, in which it loads.

    Channels are in the order of learning: old keypoints first, those of this step after them.
    Labels exist for the new ones only, so ``loss`` leaves the old ones out altogether: a mask
    would shrink the mean.

    Args:
        num_old (int): Keypoints of the older checkpoint.
        kwargs: As of ``HeatmapHead``; ``out_channels`` counts old and new keypoints.

    Raises:
        ValueError: If ``num_old`` is negative or leaves no new keypoint, or there is no last layer
            to grow (``final_layer=None``).
    """

    def __init__(self, num_old: int, **kwargs) -> None:
        super().__init__(**kwargs)
        if not 0 <= num_old < self.out_channels:
            raise ValueError(
                f'num_old is {num_old} of out_channels={self.out_channels} keypoints; expected 0 '
                f'to {self.out_channels - 1}, to leave at least one new keypoint'
            )
        if isinstance(self.final_layer, nn.Identity):
            raise ValueError('final_layer is None; a head without a last layer cannot grow')
        self.num_old = num_old

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Heatmaps (B, K, h, w) from the last of the features.

        Old and new rows are applied apart: with more rows in one convolution the library may sum in
        another order, and the old heatmaps would differ from the old detector's in their last bits.
        """
        features, layer = self.conv_layers(self.deconv_layers(feats[-1])), self.final_layer
        parts = [slice(0, self.num_old), slice(self.num_old, None)]
        heatmaps = [
            layer._conv_forward(
                features, layer.weight[part], None if layer.bias is None else layer.bias[part]
            )
            for part in (parts if self.num_old else parts[1:])
        ]
        return torch.cat(heatmaps, dim=1)

    def loss(
        self,
        feats: tuple[Tensor, ...],
        batch_data_samples: Sequence[PoseDataSample],
        train_cfg: dict | None = None,
    ) -> dict[str, Tensor]:
        """Loss and accuracy of the new keypoints, as :meth:`keypoint_loss`, from features."""
        return self.keypoint_loss(self.forward(feats), batch_data_samples, train_cfg)

    def keypoint_loss(
        self,
        heatmaps: Tensor,
        batch_data_samples: Sequence[PoseDataSample],
        train_cfg: dict | None = None,
        all_keypoints: bool = False,
    ) -> dict[str, Tensor]:
        """Loss and accuracy of the new keypoints from heatmaps that are already computed.

        Args:
            heatmaps (Tensor): (B, K, h, w), of all keypoints.
            batch_data_samples (Sequence[PoseDataSample]): With ``gt_fields.heatmaps`` (K, h, w)
                and ``gt_instance_labels.keypoint_weights`` (1, K), of all keypoints too.
            train_cfg (dict | None): ``compute_acc=False`` leaves the accuracy out.
            all_keypoints (bool): The old keypoints are labelled as well and count too.

        Returns:
            dict: ``loss_kpt`` and ``acc_pose``.

        Raises:
            ValueError: If the targets are of another number of keypoints.
        """
        targets = torch.stack([sample.gt_fields.heatmaps for sample in batch_data_samples])
        if targets.shape[1] != self.out_channels:
            raise ValueError(
                f'targets have heatmaps of {targets.shape[1]} keypoints; expected '
                f'out_channels={self.out_channels}, the {self.num_old} old ones (hidden) included'
            )
        weights = torch.cat(
            [sample.gt_instance_labels.keypoint_weights for sample in batch_data_samples]
        )
        if not all_keypoints:
            heatmaps, targets, weights = (
                tensor[:, self.num_old :] for tensor in (heatmaps, targets, weights)
            )
        losses = dict(loss_kpt=self.loss_module(heatmaps, targets, weights))
        if (train_cfg or {}).get('compute_acc', True):
            _, accuracy, _ = pose_pck_accuracy(
                output=to_numpy(heatmaps), target=to_numpy(targets), mask=to_numpy(weights) > 0
            )
            losses['acc_pose'] = torch.tensor(accuracy, device=targets.device)
        return losses

    def _load_state_dict_pre_hook(
        self, state_dict: dict[str, Tensor], prefix: str, *args, **kwargs
    ) -> None:
        """Registered by ``HeatmapHead``; grows the last layer's tensors in the state dict.

        Raises:
            CheckpointMismatchError: If a tensor has neither the old nor all keypoints' rows, or
                other inputs.
        """
        super()._load_state_dict_pre_hook(state_dict, prefix, *args, **kwargs)
        for name, own in self.final_layer.named_parameters():
            key = f'{prefix}final_layer.{name}'
            if key in state_dict:
                state_dict[key] = self._grow(key, state_dict[key], own.detach())

    def _grow(self, key: str, value: Tensor, own: Tensor) -> Tensor:
        if value.shape[1:] != own.shape[1:]:
            raise CheckpointMismatchError(
                f'{key} of the checkpoint has shape {tuple(value.shape)}; expected '
                f'(keypoints, {", ".join(map(str, own.shape[1:]))})'
            )
        if len(value) not in (self.num_old, self.out_channels):
            raise CheckpointMismatchError(
                f'{key} of the checkpoint has {len(value)} rows, one a keypoint; expected '
                f'{self.num_old} (num_old, the keypoints to take over) or {self.out_channels} '
                f'(out_channels, the old and the new ones)'
            )
        return torch.cat([value, own[len(value) :].to(value)])
