"""What happens between iterations and epochs."""

from .episode_epoch_hook import EpisodeEpochHook
from .episode_visualization_hook import EpisodeVisualizationHook
from .epoch_seed_hook import EpochSeedHook
from .non_finite_loss_hook import NonFiniteLossError, NonFiniteLossHook
from .parameter_importance_hook import ParameterImportanceHook
from .proposal_warmup_hook import ProposalWarmupHook
from .safe_checkpoint_hook import SafeCheckpointHook

__all__ = [
    'EpisodeEpochHook',
    'EpisodeVisualizationHook',
    'EpochSeedHook',
    'NonFiniteLossError',
    'NonFiniteLossHook',
    'ParameterImportanceHook',
    'ProposalWarmupHook',
    'SafeCheckpointHook',
]
