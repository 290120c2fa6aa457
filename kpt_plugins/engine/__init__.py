"""What a run needs around the model: hooks, and the launch of several processes."""

from .hooks import (
    EpisodeEpochHook,
    EpisodeVisualizationHook,
    EpochSeedHook,
    NonFiniteLossError,
    NonFiniteLossHook,
    SafeCheckpointHook,
)

__all__ = [
    'EpisodeEpochHook',
    'EpisodeVisualizationHook',
    'EpochSeedHook',
    'NonFiniteLossError',
    'NonFiniteLossHook',
    'SafeCheckpointHook',
]
