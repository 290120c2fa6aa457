"""Detectors of one category as modules from crops to keypoints."""

from __future__ import annotations

import torch
from mmpose.models.heads import HeatmapHead
from mmpose.models.utils.tta import flip_heatmaps
from torch import Tensor, nn

from kpt_plugins.models.heads.clutter_sampling import cells_in_box

from .heatmap_peaks import HeatmapPeaks


class HeatmapGraph(nn.Module):
    """Any top-down model of MMPose with a ``HeatmapHead``, KAMP's among them.

    Args:
        model: The estimator.
        flip_indices: The keypoints of the mirrored image, for ``flip_test``; None goes without.

    Raises:
        ValueError: For a head or codec that has no export.
    """

    def __init__(self, model: nn.Module, flip_indices: list[int] | None = None) -> None:
        super().__init__()
        head = model.head
        if type(head).predict is not HeatmapHead.predict:
            raise ValueError(
                f'head is {type(head).__name__}, which predicts in another way than HeatmapHead'
            )
        self.model = model
        self.flip_indices = flip_indices
        self.peaks = HeatmapPeaks(head.decoder)
        self.decoding = f'largest cell of each heatmap, then {self.peaks.refinement}'

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Keypoints (B, K, 2) in crop pixels and scores (B, K) of normalised crops (B, 3, H, W)."""
        heatmaps = self._heatmaps(images)
        if self.flip_indices is not None:
            options = self.model.test_cfg
            mirrored = flip_heatmaps(
                self._heatmaps(images.flip(-1)),
                flip_mode=options.get('flip_mode', 'heatmap'),
                flip_indices=self.flip_indices,
                shift_heatmap=options.get('shift_heatmap', False),
            )
            heatmaps = (heatmaps + mirrored) * 0.5
        return self.peaks(heatmaps)

    def _heatmaps(self, images: Tensor) -> Tensor:
        return self.model.head(self.model.extract_feat(images))


class CoKeGraph(nn.Module):
    """A CoKe model of one category, its prototypes as constants.

    Args:
        model: The estimator with a ``CoKeHead``.
        flip_indices: As of :class:`HeatmapGraph`.

    Raises:
        ValueError: For a model of several categories.
    """

    def __init__(self, model: nn.Module, flip_indices: list[int] | None = None) -> None:
        super().__init__()
        head = model.head
        if head.num_classes != 1:
            raise ValueError(
                f'CoKeHead has num_classes={head.num_classes}; a graph has the prototypes of one '
                f'category, and a model of several has no export'
            )
        self.model = model
        self.flip_indices = flip_indices
        self.register_buffer('prototypes', head.bank.prototypes())
        self.register_buffer('threshold', head.score_threshold())
        self.decoding = (
            'largest cell of each response map'
            + {
                None: '',
                'quadratic': ', then the top of a parabola along each axis',
                'mean': ' after smoothing, then the mean place under the softmax around it',
            }[head.decoder.refine]
        )

    def forward(self, images: Tensor, boxes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Keypoints (B, K, 2) in crop pixels and scores (B, K).

        Args:
            images: Normalised crops (B, 3, H, W).
            boxes: Corners (B, 4, 2) of the objects' boxes in crop pixels, on a walk around the
                box; without them a keypoint may lie anywhere.
        """
        head = self.model.head
        maps = self._cosines(images)
        if self.flip_indices is not None:
            mirrored = self._cosines(images.flip(-1)).flip(-1)
            maps = (maps + mirrored[:, list(self.flip_indices)]) / 2
        inside = None
        if boxes is not None:
            inside = cells_in_box(boxes, maps.shape[-2:], head.decoder.stride)
        return head.locate(maps, self.threshold, inside)

    def _cosines(self, images: Tensor) -> Tensor:
        head = self.model.head
        return head.respond(head.projection(self.model.extract_feat(images)[-1]), self.prototypes)


class PromptGraph(nn.Module):
    """The prompts of a weak-shot model.

    Args:
        model: A ``WeakShotPoseEstimator``.
        input_size: Width and height of the crops.
    """

    def __init__(self, model: nn.Module, input_size: tuple[int, int]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer('size', torch.tensor(input_size, dtype=torch.float32))
        self.decoding = {
            'local': 'mean place under the heatmap in a window around its largest cell',
            'global': 'mean place under the softmax of the heatmap',
        }[model.softargmax]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, N, 2) in crop pixels and visibilities (B, N) of all prompts."""
        model = self.model
        prompts = model.decode(model.heatmaps(model.extract_feat(images)))
        return prompts.points * self.size, prompts.visibility
