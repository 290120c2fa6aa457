"""What a backbone with prompts of its own returns."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


class PromptedFeatures(tuple):
    """A backbone's feature maps, as any backbone's tuple, and the maps of its prompts beside them.

    Necks take it for the tuple that it is. One pass gives both, so the maps travel with the
    features; whoever wants them asks for ``prompt_maps``, which other backbones' features lack.

    Attributes:
        prompt_maps (Tensor): (B, N + n_sink, h, w) in [0, 1], at each pixel a distribution over the
            prompts; the sink prompts, which are never keypoints, come last.
    """

    prompt_maps: Tensor

    def __new__(cls, levels: Iterable[Tensor], prompt_maps: Tensor) -> PromptedFeatures:
        features = super().__new__(cls, levels)
        features.prompt_maps = prompt_maps
        return features
