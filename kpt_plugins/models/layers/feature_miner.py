"""Deformable feature mining at a keypoint and along the skeleton around it."""

import math

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from kpt_plugins.models.layers.deformable_sampling import Tokens, deformable_sampling


class FeedForward(nn.Sequential):
    """Linear, ReLU, dropout, Linear, dropout."""

    def __init__(self, dims: int, hidden: int, dropout: float) -> None:
        super().__init__(
            nn.Linear(dims, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, dims),
            nn.Dropout(dropout),
        )


class FeatureMiner(BaseModule):
    """One mining step of FMMP (section 2.6), for the support or for the query.

    Keypoints attend to each other, then each looks into the image at M reference keypoints through
    M deformable attentions. All M run as one: a single deformable sampling with ``M * num_heads``
    heads and a grouped output projection.

    Args:
        dims (int): Channels C of keypoint features and of the maps.
        num_heads (int): Heads of each attention.
        num_levels (int): Levels T of the pyramid.
        num_samples (int): Sampling points of a head and level.
        num_references (int): Reference keypoints M, the keypoint itself first.
        dropout (float): Dropout rate.

    Raises:
        ValueError: If an option is out of range, or ``dims`` is no multiple of ``num_heads``.
    """

    def __init__(
        self,
        dims: int = 256,
        num_heads: int = 8,
        num_levels: int = 3,
        num_samples: int = 4,
        num_references: int = 8,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        for name, value in (
            ('dims', dims),
            ('num_heads', num_heads),
            ('num_levels', num_levels),
            ('num_samples', num_samples),
            ('num_references', num_references),
        ):
            if not isinstance(value, int) or value < 1:
                raise ValueError(
                    f'FeatureMiner: {name}={value!r}, expected a whole number, at least 1'
                )
        if dims % num_heads:
            raise ValueError(
                f'FeatureMiner: dims={dims} cannot be shared by num_heads={num_heads} evenly'
            )
        if not 0 <= dropout <= 1:
            raise ValueError(f'FeatureMiner: dropout={dropout}, expected 0 to 1')
        self.dims = dims
        self.num_heads = num_heads
        self.num_levels = num_levels
        self.num_samples = num_samples
        self.num_references = num_references
        heads = num_references * num_heads

        self.attention = nn.MultiheadAttention(dims, num_heads, dropout, batch_first=True)
        self.attention_dropout = nn.Dropout(dropout)
        self.attention_norm = nn.LayerNorm(dims)
        self.attention_ffn = FeedForward(dims, dims, dropout)
        self.attention_ffn_norm = nn.LayerNorm(dims)

        self.sampling_offsets = nn.Linear(dims, heads * num_levels * num_samples * 2)
        self.sampling_weights = nn.Linear(dims, heads * num_levels * num_samples)
        self.values = nn.Conv2d(dims, num_references * dims, 1)
        self.outputs = nn.Parameter(torch.empty(num_references, dims, dims))
        self.output_bias = nn.Parameter(torch.zeros(num_references, 1, dims))
        self.side_projection = (
            nn.Linear((num_references - 1) * dims, dims) if num_references > 1 else None
        )
        self.mining_dropout = nn.Dropout(dropout)
        self.mining_norm = nn.LayerNorm(dims)
        self.mining_ffn = FeedForward(dims, dims, dropout)
        self.mining_ffn_norm = nn.LayerNorm(dims)
        self.init_weights()

    def init_weights(self) -> None:
        """Xavier everywhere; sampling starts as a ring of unweighted points (section 2.6)."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.xavier_uniform_(self.attention.in_proj_weight)
        # every reference has a projection of its own: fan-out of one of them
        for weight in (*self.values.weight.data.chunk(self.num_references), *self.outputs.data):
            nn.init.xavier_uniform_(weight)
        nn.init.zeros_(self.values.bias)
        nn.init.zeros_(self.output_bias)

        nn.init.zeros_(self.sampling_offsets.weight)
        angle = torch.arange(self.num_heads) * (2 * math.pi / self.num_heads)
        ring = torch.stack([angle.cos(), angle.sin()], dim=-1)
        ring = ring / ring.abs().max(dim=-1, keepdim=True).values
        radius = torch.arange(1, self.num_samples + 1)
        ring = ring[None, :, None, None] * radius[:, None]
        ring = ring.expand(self.num_references, -1, self.num_levels, -1, -1)
        self.sampling_offsets.bias.data = ring.flatten().clone()
        nn.init.zeros_(self.sampling_weights.weight)

    def forward(
        self,
        features: Tensor,
        position: Tensor,
        points: Tensor,
        references: Tensor,
        tokens: Tokens,
        ignore: Tensor | None = None,
    ) -> Tensor:
        """Mine an image for keypoint features.

        Args:
            features (Tensor): Keypoint features (B, K, C).
            position (Tensor): Code (B, K, C) of the keypoints' order and position.
            points (Tensor): Keypoints (B, K, 2) in this image, fractions of the crop.
            references (Tensor): Reference keypoint indices (B, K, M).
            tokens (Tokens): The image's maps with C channels, batch B or a divisor.
            ignore (Tensor, optional): Boolean (B, K), keypoints that others do not attend to.

        Returns:
            Tensor: Mined features (B, K, C).
        """
        if ignore is not None:
            # attention over nothing is NaN: where all are ignored, none is
            ignore = ignore & ~ignore.all(dim=1, keepdim=True)
        query = features + position
        attended = self.attention(
            query, query, features, key_padding_mask=ignore, need_weights=False
        )[0]
        features = self.attention_norm(features + self.attention_dropout(attended))
        features = self.attention_ffn_norm(features + self.attention_ffn(features))

        mined = self._mine(features + position, points, references, tokens)
        features = self.mining_norm(features + self.mining_dropout(mined))
        return self.mining_ffn_norm(features + self.mining_ffn(features))

    def _mine(self, query: Tensor, points: Tensor, references: Tensor, tokens: Tokens) -> Tensor:
        batch, size, _ = query.shape
        shape = (batch, size, self.num_references, self.num_heads)
        samples = (self.num_levels, self.num_samples)
        cells = query.new_tensor([(width, height) for height, width in tokens.sizes])[:, None]
        offsets = self.sampling_offsets(query).view(*shape, *samples, 2) / cells
        origin = points.gather(1, references.flatten(1)[..., None].expand(-1, -1, 2))
        locations = origin.view(batch, size, self.num_references, 1, 1, 1, 2) + offsets
        weights = self.sampling_weights(query).view(*shape, -1).softmax(-1).view(*shape, *samples)

        sampled = deformable_sampling(
            tokens,
            locations.flatten(2, 3),
            weights.flatten(2, 3),
            self.values.weight.flatten(1),
            self.values.bias,
        )
        sampled = sampled.reshape(batch * size, self.num_references, self.dims).transpose(0, 1)
        branches = torch.baddbmm(self.output_bias, sampled, self.outputs)
        own = branches[0]
        if self.side_projection is not None:
            own = own + self.side_projection(branches[1:].transpose(0, 1).flatten(1)).relu()
        return own.view(batch, size, self.dims)
