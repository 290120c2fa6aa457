"""What happens between iterations and epochs."""

from .bank_init_hook import BankInitHook
from .bank_refresh_hook import BankRefreshHook
from .bank_reset_hook import BankResetHook
from .episode_epoch_hook import EpisodeEpochHook
from .episode_visualization_hook import EpisodeVisualizationHook
from .epoch_seed_hook import EpochSeedHook
from .knowledge_association_hook import KnowledgeAssociationHook
from .non_finite_loss_hook import NonFiniteLossError, NonFiniteLossHook
from .novel_warmup_hook import NovelWarmupHook
from .parameter_importance_hook import ParameterImportanceHook
from .prompt_usage_hook import PromptUsageHook
from .proposal_warmup_hook import ProposalWarmupHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .step_handover_hook import StepHandoverHook

__all__ = [
    'BankInitHook',
    'BankRefreshHook',
    'BankResetHook',
    'EpisodeEpochHook',
    'EpisodeVisualizationHook',
    'EpochSeedHook',
    'KnowledgeAssociationHook',
    'NonFiniteLossError',
    'NonFiniteLossHook',
    'NovelWarmupHook',
    'ParameterImportanceHook',
    'PromptUsageHook',
    'ProposalWarmupHook',
    'SafeCheckpointHook',
    'StepHandoverHook',
]
