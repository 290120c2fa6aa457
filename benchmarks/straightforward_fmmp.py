"""FMMP's head written as it is described: a yardstick for speed and a reference for tests.

Eight deformable attentions run one after the other, each projects every cell of the image before it
samples, shots come one by one and reference points are looked up sample by sample, as the released
code does.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from kpt_plugins.models.heads.fmmp_head import FMMPHead, FMMPOutput
from kpt_plugins.models.layers.feature_miner import FeatureMiner


class StraightforwardFMMPHead(FMMPHead):
    """:class:`FMMPHead` with the same parameters and outputs, without its shortcuts."""

    def forward(self, feats: tuple[list[Tensor], list[Tensor]], episode: dict) -> FMMPOutput:
        support, query = feats
        points, visible = episode['points'][:, :-1], episode['visible'][:, :-1]
        shots, size = visible.shape[1:]
        supports = [[level[shot::shots] for level in support] for shot in range(shots)]

        seen = torch.stack(
            [sample_keypoints(supports[shot], points[:, shot]) for shot in range(shots)], dim=1
        )
        features = self._over_shots(seen, visible)
        estimate = features.new_full((len(features), size, 2), 0.5)
        logits = torch.zeros_like(estimate)
        layers = []
        for support_miner, query_miner, mlp in zip(
            self.support_miners, self.query_miners, self.point_mlps, strict=True
        ):
            mined = []
            for shot in range(shots):
                ignore = ~visible[:, shot]
                ignore = ignore & ~ignore.all(dim=1, keepdim=True)
                mined.append(
                    mine(
                        support_miner,
                        features,
                        self._position(points[:, shot]),
                        points[:, shot],
                        episode['references'][:, shot],
                        supports[shot],
                        ignore,
                    )
                )
            features = self._over_shots(torch.stack(mined, dim=1), visible)
            features = mine(
                query_miner,
                features,
                self._position(estimate),
                estimate,
                episode['query_references'],
                query,
                None,
            )
            logits = logits.detach() + mlp(features)
            layers.append(logits.sigmoid())
            estimate = layers[-1].detach()
        return FMMPOutput(torch.stack(layers))

    @staticmethod
    def _over_shots(features: Tensor, visible: Tensor) -> Tensor:
        count = visible.sum(dim=1)[..., None]
        return (features * visible[..., None]).sum(dim=1) / count.clamp(min=0.1)


def sample_keypoints(maps: list[Tensor], points: Tensor) -> Tensor:
    """Mean over levels of the features (B, K, C) at points (B, K, 2)."""
    grid = 2 * points[:, None] - 1
    sampled = [F.grid_sample(level, grid, align_corners=False)[:, :, 0] for level in maps]
    return sum(sampled).transpose(1, 2) / len(maps)


def mine(
    miner: FeatureMiner,
    features: Tensor,
    position: Tensor,
    points: Tensor,
    references: Tensor,
    maps: list[Tensor],
    ignore: Tensor | None,
) -> Tensor:
    """What ``miner`` computes, one reference after the other."""
    query = features + position
    attended = miner.attention(query, query, features, key_padding_mask=ignore)[0]
    features = miner.attention_norm(features + miner.attention_dropout(attended))
    features = miner.attention_ffn_norm(features + miner.attention_ffn(features))

    query = features + position
    branches = []
    for branch in range(miner.num_references):
        origin = torch.stack([p[r[:, branch]] for p, r in zip(points, references, strict=True)])
        branches.append(deformable_attention(miner, branch, query, origin, maps))
    mined = branches[0]
    if len(branches) > 1:
        mined = mined + miner.side_projection(torch.cat(branches[1:], dim=-1)).relu()
    features = miner.mining_norm(features + miner.mining_dropout(mined))
    return miner.mining_ffn_norm(features + miner.mining_ffn(features))


def deformable_attention(
    miner: FeatureMiner, branch: int, query: Tensor, origin: Tensor, maps: list[Tensor]
) -> Tensor:
    """Multi-scale deformable attention of one branch around points ``origin`` (B, K, 2)."""
    heads, levels, samples = miner.num_heads, miner.num_levels, miner.num_samples
    batch, size, dims = query.shape

    def linear(layer, x: Tensor) -> Tensor:
        weight = layer.weight.flatten(1).chunk(miner.num_references)[branch]
        return F.linear(x, weight, layer.bias.chunk(miner.num_references)[branch])

    offsets = linear(miner.sampling_offsets, query).view(batch, size, heads, levels, samples, 2)
    weights = linear(miner.sampling_weights, query).view(batch, size, heads, -1).softmax(dim=-1)
    tokens = torch.cat([level.flatten(2).transpose(1, 2) for level in maps], dim=1)
    values = linear(miner.values, tokens).split([m.shape[2] * m.shape[3] for m in maps], dim=1)

    sampled = []
    for level, (value, feature_map) in enumerate(zip(values, maps, strict=True)):
        height, width = feature_map.shape[2:]
        cells = offsets.new_tensor([width, height])
        place = origin[:, :, None, None] + offsets[:, :, :, level] / cells
        value = value.transpose(1, 2).reshape(batch * heads, -1, height, width)
        grid = (2 * place - 1).transpose(1, 2).flatten(0, 1)
        sampled.append(F.grid_sample(value, grid, align_corners=False))
    sampled = torch.stack(sampled, dim=-2).flatten(-2)  # (B H, D, K, T P)
    mixed = (sampled * weights.transpose(1, 2).reshape(batch * heads, 1, size, -1)).sum(dim=-1)
    mixed = mixed.view(batch, dims, size).transpose(1, 2)
    return mixed @ miner.outputs[branch] + miner.output_bias[branch]
