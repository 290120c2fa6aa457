"""Few-shot pose estimation: backbone, neck and head over episodes."""

import torch
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import MODELS
from torch import Tensor

from kpt_plugins.structures.geometry import apply_affine


def stack_episodes(data_samples: list) -> dict[str, Tensor]:
    """Batch the ``episode`` tensors of data samples; ``real`` (B, K) marks unpadded slots."""
    keys = data_samples[0].episode.keys()
    batch = {key: torch.stack([getattr(s.episode, key) for s in data_samples]) for key in keys}
    size = batch['points'].shape[2]
    real = torch.tensor([s.metainfo['num_keypoints'] for s in data_samples])
    batch['real'] = torch.arange(size) < real[:, None]
    batch['real'] = batch['real'].to(batch['points'].device)
    return batch


@MODELS.register_module()
class FewShotPoseEstimator(BasePoseEstimator):
    """Category-agnostic pose estimation from a few annotated supports.

    The contract: ``inputs`` are normalised crops (B, S + 1, 3, H, W), the query last; data samples
    carry ``episode`` as :class:`~kpt_plugins.datasets.transforms.episode.PackEpisode` makes it. The
    neck returns maps coarsest first; the head has ``loss``, ``predict``, ``encode_support`` and
    ``predict_query``. Predictions are in pixels of the original query image.

    ``train_cfg=dict(symmetric=True)`` trains each pair in both directions (one support only): the
    features of both images are computed once, and the supervision per image doubles.

    Args:
        backbone, neck, head, train_cfg, test_cfg, data_preprocessor, init_cfg: As in MMPose.
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict | None = None,
        head: dict | None = None,
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
            data_preprocessor=data_preprocessor or dict(type='EpisodeDataPreprocessor'),
            init_cfg=init_cfg,
        )

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Pyramid of images (N, 3, H, W), coarsest first."""
        features = self.backbone(inputs)
        return self.neck(features) if self.with_neck else features

    def _support_and_query(self, inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        batch, images = inputs.shape[:2]
        pyramid = self.extract_feat(inputs.flatten(0, 1))
        levels = [level.view(batch, images, *level.shape[1:]) for level in pyramid]
        return [x[:, :-1].flatten(0, 1) for x in levels], [x[:, -1] for x in levels]

    def loss(self, inputs: Tensor, data_samples: list) -> dict[str, Tensor]:
        """Losses of a batch of episodes."""
        support, query = self._support_and_query(inputs)
        episode = stack_episodes(data_samples)
        if self.train_cfg.get('symmetric', False):
            support, query, episode = self._both_directions(support, query, episode)
        return self.head.loss((support, query), episode, train_cfg=self.train_cfg)

    @staticmethod
    def _both_directions(
        support: list[Tensor], query: list[Tensor], episode: dict[str, Tensor]
    ) -> tuple[list[Tensor], list[Tensor], dict[str, Tensor]]:
        if episode['points'].shape[1] != 2:
            raise ValueError(
                f'train_cfg.symmetric=True needs one support an episode, got '
                f'{episode["points"].shape[1] - 1}; set num_shots=1 or symmetric=False'
            )
        swapped = dict(
            points=episode['points'].flip(1),
            visible=episode['visible'].flip(1),
            references=episode['reverse_references'][:, None],
            query_references=episode['reverse_references'],
            real=episode['real'],
        )
        both = {key: torch.cat([episode[key], swapped[key]]) for key in swapped}
        forward = [torch.cat(pair) for pair in zip(support, query, strict=True)]
        backward = [torch.cat(pair) for pair in zip(query, support, strict=True)]
        return forward, backward, both

    def predict(self, inputs: Tensor, data_samples: list) -> list:
        """Adds ``pred_instances`` (original-image pixels, numpy) to every data sample."""
        feats = self._support_and_query(inputs)
        predictions = self.head.predict(feats, stack_episodes(data_samples), self.test_cfg)
        for sample, prediction in zip(data_samples, predictions, strict=True):
            sample.pred_instances = to_image(prediction, sample)
        return data_samples

    def encode_support(self, inputs: Tensor, episode: dict[str, Tensor]) -> object:
        """Encode support sets once, for any number of :meth:`predict_query` calls.

        Args:
            inputs (Tensor): Normalised crops (G, S, 3, H, W).
            episode (dict): ``points`` (G, S, K, 2), ``visible`` (G, S, K), ``references``
                (G, S, K, M), ``query_references`` (G, K, M).
        """
        pyramid = self.extract_feat(inputs.flatten(0, 1))
        return self.head.encode_support(pyramid, **episode)

    def predict_query(self, inputs: Tensor, state: object) -> list[InstanceData]:
        """Keypoints of queries (B, 3, H, W) as fractions of their crops."""
        return self.head.decode(self.head.predict_query(self.extract_feat(inputs), state))

    def forward(
        self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor'
    ) -> object:
        """As in MMPose; ``mode='tensor'`` gives the head's output and needs data samples too."""
        if mode == 'tensor':
            return self._forward(inputs, data_samples)
        return super().forward(inputs, data_samples, mode)

    def _forward(self, inputs: Tensor, data_samples: list | None = None) -> object:
        return self.head(self._support_and_query(inputs), stack_episodes(data_samples))


def to_image(prediction: InstanceData, sample) -> InstanceData:
    """Crop fractions to pixels of the original image; padded keypoints are dropped."""
    size = sample.metainfo['num_keypoints']
    keypoints = prediction.keypoints[:, :size].detach().float().cpu().numpy()
    keypoints = keypoints * sample.metainfo['input_size']
    scores = prediction.keypoint_scores[:, :size].detach().float().cpu().numpy()
    return InstanceData(
        keypoints=apply_affine(sample.metainfo['crop_to_image'], keypoints),
        keypoint_scores=scores,
        keypoints_visible=scores,
        bboxes=sample.gt_instances.bboxes,
    )
