"""Keypoints as the places most like their prototypes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData, PixelData
from mmpose.models.heads import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from kpt_plugins.codecs import PrototypeCellCodec
from kpt_plugins.models.layers.feature_bank import unit
from kpt_plugins.models.layers.point_sampling import sample_features

from .clutter_sampling import cells_in_box, sample_clutter
from .coke_samples import read_boxes, read_categories, read_labels


@MODELS.register_module()
class CoKeHead(BaseHead):
    """Contrastive keypoint detection (Bai et al., WACV 2023).

    A 1x1 convolution gives each cell of the feature map a vector of length one. A keypoint lies
    where it is most like the keypoint's prototype, independently of all other keypoints. Only the
    vectors at keypoints and at a few cells of clutter are trained, so without the spatial term of
    the loss only those are computed.

    The score of a keypoint is about whether it is seen: it compares its place's cosine with the
    prototype to the middle between the one that a hundredth of the clutter features reaches with
    this prototype and the mean one of the keypoint's own features.

    Args:
        in_channels (int): Channels of the last feature map.
        num_keypoints (int): Keypoints of a category.
        feat_dim (int): Length of the vectors.
        bank (dict): Config of :class:`PrototypeBank`; its sizes come from here.
        clutter (dict | None): Config of :class:`ClutterBank`; None goes without.
        loss (dict): Config of :class:`CoKeContrastiveLoss`.
        decoder (dict): Config of :class:`PrototypeCellCodec`, also used to check map sizes.
        noise_per_image (int): Clutter cells drawn from each training image.
        exclude_radius (int): Distance in cells that they keep from labelled keypoints.
        noise_inside (float): Share of them drawn inside the object's box, where a sample has it.
        sampling (str): ``'cell'``, a keypoint has the vector of its cell; ``'bilinear'``, one
            interpolated between four.
        mask_box (bool): Whether predictions must touch the object's box, where a sample has it.
        score_temperature (float): Divides the difference of cosines in the score.
        num_classes (int): Categories, each with prototypes of its own.
        category_ids (Sequence[int] | None): The data set's ids of the categories, in the order of
            their prototypes; by default 0, 1, 2...
        init_cfg (dict | None): Initialisation.

    Samples may carry the metainfo ``input_box`` (4, 2), corners in input pixels, and need
    ``category_id`` if there are several categories.

    Raises:
        ValueError: For a value that has no meaning, named in the message; when a checkpoint has
            another number of prototypes; for a category without prototypes; for features of
            another size than the decoder's.
        TypeError: If the decoder is of another type.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        decoder: dict,
        feat_dim: int = 128,
        bank: dict = dict(type='PrototypeBank'),  # noqa: B006
        clutter: dict | None = dict(type='ClutterBank'),  # noqa: B006
        loss: dict = dict(type='CoKeContrastiveLoss'),  # noqa: B006
        noise_per_image: int = 5,
        exclude_radius: int = 1,
        noise_inside: float = 0.5,
        sampling: str = 'cell',
        mask_box: bool = True,
        score_temperature: float = 0.07,
        num_classes: int = 1,
        category_ids: Sequence[int] | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Xavier', layer='Conv2d', distribution='uniform'))
        _check_at_least(1, num_keypoints=num_keypoints, num_classes=num_classes)
        _check_at_least(0, noise_per_image=noise_per_image, exclude_radius=exclude_radius)
        if not 0 <= noise_inside <= 1:
            raise ValueError(f'noise_inside is {noise_inside}; expected a share between 0 and 1')
        if sampling not in ('cell', 'bilinear'):
            raise ValueError(f"sampling is {sampling!r}; expected 'cell' or 'bilinear'")
        if score_temperature <= 0:
            raise ValueError(f'score_temperature is {score_temperature}; expected more than 0')
        ids = list(range(num_classes)) if category_ids is None else list(category_ids)
        if len(set(ids)) != num_classes or len(ids) != num_classes:
            raise ValueError(f'category_ids is {ids}; expected {num_classes} (num_classes) ids')
        if clutter is not None and not noise_per_image:
            raise ValueError(
                'noise_per_image is 0, so that the clutter bank would stay empty; expected 1 or '
                'more, or clutter=None'
            )
        self.decoder = KEYPOINT_CODECS.build(decoder)
        if not isinstance(self.decoder, PrototypeCellCodec):
            raise TypeError(f'decoder is {decoder["type"]}; expected a PrototypeCellCodec')
        cells = self.decoder.map_size[0] * self.decoder.map_size[1]
        if noise_per_image > cells:
            raise ValueError(f'noise_per_image is {noise_per_image}; the map has {cells} cells')
        self.in_channels = in_channels
        self.num_keypoints = num_keypoints
        self.num_classes = num_classes
        self.category_ids = {category: row for row, category in enumerate(ids)}
        self.noise_per_image = noise_per_image
        self.exclude_radius = exclude_radius
        self.noise_inside = noise_inside
        self.sampling = sampling
        self.mask_box = mask_box
        self.score_temperature = score_temperature
        self.projection = nn.Conv2d(in_channels, feat_dim, 1, bias=False)
        sizes = dict(num_keypoints=num_keypoints, num_classes=num_classes, feat_dim=feat_dim)
        self.bank = MODELS.build(dict(bank, **sizes))
        self.clutter = None if clutter is None else MODELS.build(dict(clutter, feat_dim=feat_dim))
        self.loss_module = MODELS.build(loss)

    @property
    def out_channels(self) -> int:
        """Keypoints of a category, under the name that MMPose's heads have for it."""
        return self.num_keypoints

    def add_rows(self, number: int) -> None:
        """Make room for ``number`` new keypoints, after the present ones of each category.

        They respond to nothing until training or :class:`BankRefreshHook` has seen them. With the
        extractor frozen, the present keypoints are found as before.
        """
        self.bank.add_rows(number)
        self.num_keypoints += number

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Response maps (B, R, h, w) in [0, 1], of all categories' keypoints one after the other.

        ``(1 + cosine) / 2`` of the prototype and each cell of the last of the features.
        """
        return (1 + self.respond(self.projection(feats[-1]), self.bank.prototypes())) / 2

    def respond(self, projected: Tensor, prototypes: Tensor) -> Tensor:
        """Cosines (B, K, h, w) of projected features (B, D, h, w) and prototypes.

        Args:
            prototypes (Tensor): (K, D), or (B, K, D) if images differ in category.
        """
        with torch.autocast(projected.device.type, enabled=False):
            vectors = projected.float().flatten(2)
            # The maps are divided by the length, not the vectors, which are many more numbers.
            scale = vectors.square().sum(dim=1, keepdim=True).clamp(min=1e-24).rsqrt()
            # Whole tiles of rows: matrix products round the last few rows in another way, so that
            # added keypoints would change the last bit of the others.
            number = prototypes.shape[-2]
            tiles = F.pad(prototypes, (0, 0, 0, -number % 8))
            cosines = torch.bmm(tiles.expand(vectors.shape[0], -1, -1), vectors)[:, :number] * scale
            return cosines.unflatten(2, projected.shape[2:])

    def loss(
        self,
        feats: Sequence[Tensor],
        batch_data_samples: Sequence[PoseDataSample],
        train_cfg: dict | None = None,
    ) -> dict[str, Tensor]:
        """Losses against the banks as they are; in training mode the banks then take the batch in.

        Args:
            feats (Sequence[Tensor]): Features, of which the last (B, C, h, w) is used.
            batch_data_samples (Sequence[PoseDataSample]): With the labels of
                :meth:`PrototypeCellCodec.encode`.
            train_cfg (dict | None): Not used.

        Returns:
            dict: As of :class:`CoKeContrastiveLoss`.
        """
        source = feats[-1]
        dense = self.loss_module.spatial_weight > 0
        if dense:
            source = self.projection(source)
        cells, points, visible = read_labels(batch_data_samples, self.num_keypoints)
        index = cells[..., 1] * source.shape[-1] + cells[..., 0]
        noise_index, noise_used = self._draw_clutter(source, cells, visible, batch_data_samples)
        features, noise = self._vectors(source, index, points, noise_index, projected=dense)

        classes = self._classes(batch_data_samples)
        prototypes = self.bank.prototypes(classes)
        with torch.autocast(source.device.type, enabled=False):
            losses = self.loss_module(
                features,
                cells,
                visible,
                prototypes,
                noise,
                noise_used,
                None if self.clutter is None else self.clutter.mem.clone(),
                0 if self.clutter is None else self.clutter.filled.clone(),
                self.respond(source, prototypes).flatten(2) if dense else None,
                index,
            )
        if self.training:
            self.bank.update(features, self._rows(classes, features), visible)
            self._push(noise, noise_used)
        return losses

    @torch.no_grad()
    def observe(
        self, feats: Sequence[Tensor], batch_data_samples: Sequence[PoseDataSample]
    ) -> tuple[Tensor, Tensor]:
        """What the images of all processes add to an exact mean; the clutter bank takes them in.

        Returns:
            tuple: Sums (R, D) of the visible keypoints' features and their numbers int64 (R,).
        """
        cells, points, visible = read_labels(batch_data_samples, self.num_keypoints)
        index = cells[..., 1] * feats[-1].shape[-1] + cells[..., 0]
        noise_index, noise_used = self._draw_clutter(feats[-1], cells, visible, batch_data_samples)
        features, noise = self._vectors(feats[-1], index, points, noise_index, projected=False)
        self._push(noise, noise_used)
        rows = self._rows(self._classes(batch_data_samples), features)
        return self.bank.sum_rows(features, rows, visible)

    @torch.no_grad()
    def predict(
        self,
        feats: Sequence[Tensor] | Sequence[Sequence[Tensor]],
        batch_data_samples: Sequence[PoseDataSample],
        test_cfg: dict | None = None,
    ) -> list[InstanceData] | tuple[list[InstanceData], list[PixelData]]:
        """Keypoints in input pixels, with a score in (0, 1) for being seen.

        Args:
            feats (Sequence): Features; with ``flip_test`` those of the images and of the mirrored
                ones.
            batch_data_samples (Sequence[PoseDataSample]): Their metainfo is used.
            test_cfg (dict | None): ``flip_test`` averages the responses of both;
                ``output_heatmaps`` returns the response maps in [0, 1] too; ``category_id`` is that
                of all samples that have none.

        Returns:
            list[InstanceData]: ``keypoints`` (1, K, 2) and ``keypoint_scores`` (1, K), numpy
            arrays; and, if asked for, a list of ``PixelData`` with ``heatmaps`` (K, h, w).
        """
        test_cfg = test_cfg or {}
        classes = self._classes(batch_data_samples, test_cfg.get('category_id'))
        prototypes = self.bank.prototypes(classes)
        if test_cfg.get('flip_test', False):
            swapped = list(batch_data_samples[0].metainfo['flip_indices'])
            if len(swapped) != self.num_keypoints:
                raise ValueError(
                    f'flip_indices of the samples are of {len(swapped)} keypoints; the head has '
                    f'num_keypoints={self.num_keypoints}. Take the dataset of the new keypoints, '
                    f'or test_cfg.flip_test=False'
                )
            straight, mirrored = (self._project(parts, prototypes) for parts in feats)
            responses = (straight + mirrored.flip(-1)[:, swapped]) / 2
        else:
            responses = self._project(feats, prototypes)
        preds = self._decode(responses, self.score_threshold(classes), batch_data_samples)
        if not test_cfg.get('output_heatmaps', False):
            return preds
        return preds, [PixelData(heatmaps=heatmaps) for heatmaps in (1 + responses) / 2]

    def score_threshold(self, classes: Tensor | None = None) -> Tensor:
        """The responses ([B,] K) whose score is one half.

        Midway between the most that clutter reaches (zero without a clutter bank) and the mean
        response to the keypoint's own instances, which is the length of their mean vector (exact
        after :class:`BankRefreshHook`). Infinite for a keypoint that was never seen, whose score
        is 0 thereby.
        """
        theta = self.bank.theta
        reach = theta.new_zeros(len(theta)) if self.clutter is None else self.clutter.reach(theta)
        middle = (reach + self.bank.mu.norm(dim=1)) / 2
        middle = middle.masked_fill(~theta.any(dim=1), torch.inf)
        return middle if classes is None else middle.view(self.num_classes, -1)[classes]

    def locate(
        self, responses: Tensor, threshold: Tensor, inside: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Keypoints (B, K, 2) in input pixels and scores (B, K).

        Args:
            responses (Tensor): Cosines (B, K, h, w).
            threshold (Tensor): Of :meth:`score_threshold`.
            inside (Tensor | None): bool (B, h, w), the cells in which keypoints may lie.
        """
        if inside is not None:
            responses = responses.masked_fill(~inside[:, None], -torch.inf)
        keypoints, values, _ = self.decoder.locate(responses)
        return keypoints, ((values - threshold) / self.score_temperature).sigmoid()

    def _project(self, feats: Sequence[Tensor], prototypes: Tensor) -> Tensor:
        self._check_size(feats[-1])
        return self.respond(self.projection(feats[-1]), prototypes)

    def _decode(
        self, responses: Tensor, threshold: Tensor, samples: Sequence[PoseDataSample]
    ) -> list[InstanceData]:
        """What :meth:`locate` finds, as instances."""
        inside = self._inside(responses, samples) if self.mask_box else None
        keypoints, scores = self.locate(responses, threshold, inside)
        arrays = keypoints[:, None].cpu().numpy(), scores[:, None].cpu().numpy()
        return [
            InstanceData(keypoints=points, keypoint_scores=score)
            for points, score in zip(*arrays, strict=True)
        ]

    def _vectors(
        self, source: Tensor, index: Tensor, points: Tensor, noise_index: Tensor, projected: bool
    ) -> tuple[Tensor, Tensor]:
        """Unit vectors (B, K, D) of keypoints and (B, n, D) of clutter, from a map (B, C, h, w)."""
        number = index.shape[1]
        if self.sampling == 'cell':
            taken = _take(source, torch.cat([index, noise_index], dim=1))
        else:
            size = points.new_tensor([source.shape[-1], source.shape[-2]])
            keypoints = sample_features(source, points / size)
            taken = torch.cat([keypoints, _take(source, noise_index).to(keypoints)], dim=1)
        if not projected:
            taken = F.linear(taken.to(source.dtype), self.projection.weight.flatten(1))
        return unit(taken[:, :number]), unit(taken[:, number:])

    def _draw_clutter(
        self,
        source: Tensor,
        cells: Tensor,
        visible: Tensor,
        samples: Sequence[PoseDataSample],
    ) -> tuple[Tensor, Tensor | None]:
        self._check_size(source)
        return sample_clutter(
            cells,
            visible,
            source.shape[-2:],
            self.noise_per_image,
            self.exclude_radius,
            self._inside(source, samples),
            self.noise_inside,
        )

    def _inside(self, source: Tensor, samples: Sequence[PoseDataSample]) -> Tensor | None:
        corners = read_boxes(samples, source.device)
        if corners is None:
            return None
        return cells_in_box(corners, source.shape[-2:], self.decoder.stride)

    def _classes(
        self, samples: Sequence[PoseDataSample], default: int | None = None
    ) -> Tensor | None:
        if self.num_classes == 1:
            return None
        return read_categories(samples, self.category_ids, self.bank.theta.device, default)

    def _rows(self, classes: Tensor | None, features: Tensor) -> Tensor:
        """Rows int64 (B, K) of the prototype bank for features (B, K, D)."""
        rows = torch.arange(self.num_keypoints, device=features.device)
        first = 0 if classes is None else classes[:, None] * self.num_keypoints
        return (rows + first).expand(len(features), -1)

    def _push(self, noise: Tensor, used: Tensor | None) -> None:
        if self.clutter is not None:
            self.clutter.push(noise.flatten(0, 1) if used is None else noise[used])

    def _check_size(self, source: Tensor) -> None:
        width, height = self.decoder.map_size
        if source.shape[-2:] != (height, width):
            raise ValueError(
                f'the feature map has {source.shape[-2]} x {source.shape[-1]} cells; the '
                f'decoder expects {height} x {width}, from input_size={self.decoder.input_size} '
                f'and stride={self.decoder.stride}'
            )


def _take(source: Tensor, index: Tensor) -> Tensor:
    """Columns (B, P, C) of a map (B, C, h, w) at cells (B, P)."""
    wanted = index[:, None].expand(-1, source.shape[1], -1)
    return source.flatten(2).gather(2, wanted).transpose(1, 2)


def _check_at_least(least: int, **values: int) -> None:
    for name, value in values.items():
        if value < least:
            raise ValueError(f'{name} is {value}; expected {least} or more')
