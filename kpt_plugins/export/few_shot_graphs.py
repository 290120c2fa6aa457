"""FMMP as two modules: the supports once, then any number of queries."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kpt_plugins.models.heads.fmmp_head import SupportState
from kpt_plugins.models.heads.fmmp_output import confidence
from kpt_plugins.models.layers.deformable_sampling import Tokens

EPISODE = ('points', 'visible', 'references', 'query_references')
"""What both graphs take of the supports beside their images."""


class SupportGraph(nn.Module):
    """Encodes S supports of one category."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        images: Tensor,
        points: Tensor,
        visible: Tensor,
        references: Tensor,
        query_references: Tensor,
    ) -> tuple[Tensor, ...]:
        """What :class:`QueryGraph` takes.

        Args:
            images: Normalised crops (S, 3, H, W).
            points: (S, K, 2), fractions of the crops, padded to K.
            visible: bool (S, K).
            references: int64 (S, K, M), of each support.
            query_references: int64 (K, M).

        Returns:
            tuple: Tokens (S, L, C) and features (K, C) of the supports and, if the head mines,
            what it has mined in them (K, C).
        """
        episode = (points, visible, references, query_references)
        pyramid = self.model.extract_feat(images)
        state = self.model.head.encode_support(pyramid, *(each[None] for each in episode))
        mined = () if state.mined is None else (state.mined[0],)
        return state.tokens.features, state.features[0], *mined


class QueryGraph(nn.Module):
    """Finds the supports' keypoints in queries.

    Args:
        model: A ``FewShotPoseEstimator``.
        input_size: Width and height of the crops.
    """

    decoding = "the last layer's points"

    def __init__(self, model: nn.Module, input_size: tuple[int, int]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer('size', torch.tensor(input_size, dtype=torch.float32))
        weight = next(model.parameters())
        pyramid = model.extract_feat(weight.new_zeros(1, 3, *input_size[::-1]))
        self.map_sizes = tuple(tuple(level.shape[-2:]) for level in pyramid)

    def forward(
        self,
        images: Tensor,
        points: Tensor,
        visible: Tensor,
        references: Tensor,
        query_references: Tensor,
        tokens: Tensor,
        features: Tensor,
        mined: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Keypoints (B, K, 2) in crop pixels and scores (B, K) of normalised crops (B, 3, H, W).

        The other arguments are those and the results of :class:`SupportGraph`.
        """
        state = SupportState(
            points=points[None],
            visible=visible[None],
            references=references[None],
            query_references=query_references[None],
            features=features[None],
            mined=None if mined is None else mined[None],
            tokens=Tokens(tokens, self.map_sizes),
        )
        output = self.model.head.predict_query(self.model.extract_feat(images), state)
        return output.points[-1] * self.size, confidence(output)
