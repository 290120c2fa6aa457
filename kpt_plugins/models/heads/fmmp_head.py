"""The FMMP head: recurrent feature mining in support and query (FMMP, sections 2.3 to 2.8)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.structures import InstanceData
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import MODELS
from torch import Tensor, nn

from kpt_plugins.models.heads.fmmp_checks import check_maps, check_options, check_references
from kpt_plugins.models.heads.fmmp_output import FMMPOutput, confidence
from kpt_plugins.models.layers.deformable_sampling import Tokens
from kpt_plugins.models.layers.feature_miner import FeatureMiner
from kpt_plugins.models.layers.point_sampling import sample_features
from kpt_plugins.models.layers.repeat_rows import repeat_rows
from kpt_plugins.models.layers.similarity_proposal import SimilarityProposal
from kpt_plugins.models.layers.sine_encoding import index_encoding, sine_encoding

Pyramid = Sequence[Tensor]


@dataclass
class SupportState:
    """What the head keeps of G support sets of S images, for any number of queries.

    Attributes:
        points (Tensor): (G, S, K, 2), fractions of the crops.
        visible (Tensor): (G, S, K) bool.
        references (Tensor): (G, S, K, M).
        query_references (Tensor): (G, K, M).
        features (Tensor): (G, K, C), the supports' features at their keypoints.
        mined (Tensor): (G, K, C), what the first layer mines, which no query changes.
        tokens (Tokens): The supports' maps, features (G * S, L, C).
    """

    points: Tensor
    visible: Tensor
    references: Tensor
    query_references: Tensor
    features: Tensor
    mined: Tensor
    tokens: Tokens


def visible_mean(features: Tensor, visible: Tensor) -> Tensor:
    """Mean (G, K, C) over S of features (G, S, K, C) where visible (G, S, K); zero where none."""
    weight = visible.to(features.dtype)[..., None]
    return (weight * features).sum(dim=1) / weight.sum(dim=1).clamp(min=0.1)


def inverse_sigmoid(x: Tensor, eps: float = 1e-3) -> Tensor:
    """Logit of x, clamped to [eps, 1 - eps]."""
    return torch.logit(x, eps=eps)


@MODELS.register_module()
class FMMPHead(BaseHead):
    """Few-shot keypoints by recurrent deformable mining along the skeleton.

    Args:
        dims (int): Channels C.
        num_layers (int): Recurrent layers L; 0 leaves the proposal alone.
        num_heads, num_levels, num_samples, num_references, dropout: See
            :class:`~kpt_plugins.models.layers.feature_miner.FeatureMiner`.
        order_code (str): ``'index'`` adds a code of the keypoint's slot, ``'none'`` makes the model
            independent of the keypoints' order.
        proposal (dict, optional): Arguments of :class:`SimilarityProposal`, which starts the
            recurrence where the query looks like the support; ``None`` starts it at the centre, as
            the paper does.
        loss_keypoint, loss_padding, loss_proposal (dict): Losses of the real keypoints, of the
            padded ones and of the proposal.
        mask_loss_with_support (bool): Leave keypoints that no support shows out of the loss.
        init_cfg (dict, optional): Initialisation.

    Raises:
        ValueError: If options do not fit each other or, later, the maps and references.
    """

    def __init__(
        self,
        dims: int = 256,
        num_layers: int = 3,
        num_heads: int = 8,
        num_levels: int = 3,
        num_samples: int = 4,
        num_references: int = 8,
        dropout: float = 0.1,
        order_code: str = 'index',
        proposal: dict | None = None,
        loss_keypoint: dict | None = None,
        loss_padding: dict | None = None,
        loss_proposal: dict | None = None,
        mask_loss_with_support: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_options(dims, num_layers, order_code, proposal)
        self.dims = dims
        # the proposal alone takes any number of maps and knows no references
        self.num_levels = num_levels if num_layers else None
        self.num_references = num_references if num_layers else None
        self.order_code = order_code
        # False while only the proposal is trained, see ProposalWarmupHook
        self.recurrent = num_layers > 0
        self.mask_loss_with_support = mask_loss_with_support
        miner = dict(
            dims=dims,
            num_heads=num_heads,
            num_levels=num_levels,
            num_samples=num_samples,
            num_references=num_references,
            dropout=dropout,
        )
        self.position_mlp = nn.Sequential(nn.Linear(dims, dims), nn.GELU(), nn.Linear(dims, dims))
        self.support_miners = nn.ModuleList(FeatureMiner(**miner) for _ in range(num_layers))
        self.query_miners = nn.ModuleList(FeatureMiner(**miner) for _ in range(num_layers))
        self.point_mlps = nn.ModuleList(self._point_mlp(dims) for _ in range(num_layers))
        self.proposal = None if proposal is None else SimilarityProposal(dims, **proposal)
        self.loss_keypoint = MODELS.build(loss_keypoint or dict(type='KeypointL1Loss'))
        self.loss_padding = MODELS.build(
            loss_padding or dict(type='KeypointL1Loss', loss_weight=0.5)
        )
        self.loss_proposal = MODELS.build(loss_proposal or dict(type='KeypointCrossEntropyLoss'))
        for module in (self.position_mlp, *self.point_mlps):
            for linear in filter(lambda m: isinstance(m, nn.Linear), module):
                nn.init.xavier_uniform_(linear.weight)
                nn.init.zeros_(linear.bias)
        for mlp in self.point_mlps:
            nn.init.zeros_(mlp[-1].weight)

    @staticmethod
    def _point_mlp(dims: int) -> nn.Sequential:
        hidden = [layer for _ in range(3) for layer in (nn.Linear(dims, dims), nn.GELU())]
        return nn.Sequential(*hidden, nn.Linear(dims, 2))

    def _position(self, points: Tensor) -> Tensor:
        """Code (B, K, C) of the slots' order and of the points (B, K, 2)."""
        code = self.position_mlp(sine_encoding(points, self.dims))
        if self.order_code == 'index':
            code = code + index_encoding(points.shape[1], self.dims, points.device)
        return code

    def encode_support(
        self,
        pyramid: Pyramid,
        points: Tensor,
        visible: Tensor,
        references: Tensor,
        query_references: Tensor,
    ) -> SupportState:
        """All that depends on the supports alone.

        Args:
            pyramid (Pyramid): Maps (G * S, C, H_t, W_t) of the supports.
            points, visible, references, query_references: See :class:`SupportState`.
        """
        check_maps(pyramid, self.dims, self.num_levels)
        check_references(references, query_references, self.num_references)
        groups, shots, size = visible.shape
        sampled = [sample_features(level, points.flatten(0, 1)) for level in pyramid]
        features = torch.stack(sampled).mean(dim=0).view(groups, shots, size, -1)
        state = SupportState(
            points=points,
            visible=visible,
            references=references,
            query_references=query_references,
            features=visible_mean(features, visible),
            mined=None,
            tokens=Tokens.from_maps(pyramid),
        )
        if self.recurrent:
            state.mined = self._mine_support(0, state.features, state)
        return state

    def _mine_support(self, layer: int, features: Tensor, state: SupportState) -> Tensor:
        """Mine G support sets with features (B, K, C), B = r G; the result is (B, K, C)."""
        groups, shots, size = state.visible.shape
        repeat = features.shape[0] // groups  # len() would fix the batch of an exported graph

        def spread(per_support: Tensor) -> Tensor:
            """(G, S, ...) to (G * S * r, ...)."""
            return repeat_rows(per_support.flatten(0, 1), repeat)

        per_query = features.view(groups, 1, repeat, size, -1).expand(-1, shots, -1, -1, -1)
        points, visible = spread(state.points), spread(state.visible)
        mined = self.support_miners[layer](
            per_query.flatten(0, 2),
            self._position(points),
            points,
            spread(state.references),
            state.tokens,
            ignore=~visible,
        )
        mined = mined.view(groups, shots, repeat, size, -1).transpose(1, 2).flatten(0, 1)
        return visible_mean(mined, repeat_rows(state.visible, repeat))

    def predict_query(self, pyramid: Pyramid, state: SupportState) -> FMMPOutput:
        """Locate the supports' keypoints in queries.

        Args:
            pyramid (Pyramid): Maps (B, C, H_t, W_t) of the queries, ``B = r G``: the first r belong
                to the first support set, and so on.
            state (SupportState): G encoded support sets.

        Raises:
            ValueError: If B is not a multiple of G.
        """
        check_maps(pyramid, self.dims, self.num_levels)
        queries, groups = pyramid[0].shape[0], state.features.shape[0]
        if queries % groups:
            raise ValueError(
                f'{queries} queries for {groups} support sets: expected the same number for each'
            )
        repeat = queries // groups
        references = repeat_rows(state.query_references, repeat)
        features = repeat_rows(state.features, repeat)
        output = FMMPOutput(points=None)
        # in the precision of coordinates, also where features have less (AMP)
        points = state.points.new_full((*features.shape[:2], 2), 0.5)
        if self.proposal is not None:
            finest = pyramid[-1]
            output.proposal = self.proposal(features, finest)
            output.map_size = tuple(finest.shape[-2:])
            output.proposal_points = self.proposal.locate(output.proposal, output.map_size)
            points = output.proposal_points.detach()
        logits = inverse_sigmoid(points)

        tokens = Tokens.from_maps(pyramid)
        layers = []
        for index, miner in enumerate(self.query_miners if self.recurrent else ()):
            if index == 0:
                features = repeat_rows(state.mined, repeat)
            else:
                features = self._mine_support(index, features, state)
            features = miner(features, self._position(points), points, references, tokens)
            logits = logits + self.point_mlps[index](features)
            layers.append(logits.sigmoid())
            logits, points = logits.detach(), layers[-1].detach()
        output.points = torch.stack(layers) if layers else output.proposal_points[None]
        return output

    def forward(self, feats: tuple[Pyramid, Pyramid], episode: dict[str, Tensor]) -> FMMPOutput:
        """Support and query maps of a batch of episodes to the queries' points."""
        support, query = feats
        state = self.encode_support(
            support,
            episode['points'][:, :-1],
            episode['visible'][:, :-1],
            episode['references'],
            episode['query_references'],
        )
        return self.predict_query(query, state)

    def predict(
        self,
        feats: tuple[Pyramid, Pyramid],
        episode: dict[str, Tensor],
        test_cfg: dict | None = None,
    ) -> list[InstanceData]:
        """Keypoints (1, K, 2) as fractions of the crop and scores (1, K) of every query."""
        return self.decode(self.forward(feats, episode))

    @staticmethod
    def decode(output: FMMPOutput) -> list[InstanceData]:
        """The last layer's points and :func:`confidence`."""
        points = output.points[-1]
        scores = confidence(output)
        return [
            InstanceData(keypoints=p[None], keypoint_scores=s[None])
            for p, s in zip(points, scores, strict=True)
        ]

    def loss(
        self,
        feats: tuple[Pyramid, Pyramid],
        episode: dict[str, Tensor],
        train_cfg: dict | None = None,
    ) -> dict[str, Tensor]:
        """Losses of the real and of the padded keypoints over all layers (section 4.1).

        ``episode`` has ``points`` (B, S + 1, K, 2), ``visible`` (B, S + 1, K), ``references``
        (B, S, K, M), ``query_references`` (B, K, M), ``real`` (B, K) bool.
        """
        output = self.forward(feats, episode)
        target, visible = episode['points'][:, -1], episode['visible'][:, -1]
        given = visible & episode['visible'][:, :-1].any(dim=1)
        if self.mask_loss_with_support or not self.recurrent:
            # the proposal alone knows nothing of what no support shows
            visible = given
        real = episode['real']
        losses = dict(
            loss_keypoint=self.loss_keypoint(output.points, target, visible & real),
            loss_padding=self.loss_padding(output.points, target, visible & ~real),
        )
        if output.proposal is not None:
            losses['loss_proposal'] = self.loss_proposal(
                output.proposal, target, given, output.map_size
            )
        return losses
