"""What is called from Python."""

from .config_lookup import config_folder, find_config, shipped_configs
from .few_shot_inferencer import FewShotInferencer
from .support_set import Support, SupportSet
from .weak_shot_inferencer import WeakShotInferencer

__all__ = [
    'FewShotInferencer',
    'Support',
    'SupportSet',
    'WeakShotInferencer',
    'config_folder',
    'find_config',
    'shipped_configs',
]
