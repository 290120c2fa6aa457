"""What is called from Python."""

from .config_lookup import config_folder, find_config, shipped_configs
from .detector_inferencer import DetectorInferencer
from .few_shot_inferencer import FewShotInferencer
from .support_set import Support, SupportSet
from .weak_shot_inferencer import WeakShotInferencer

__all__ = [
    'DetectorInferencer',
    'FewShotInferencer',
    'Support',
    'SupportSet',
    'WeakShotInferencer',
    'config_folder',
    'find_config',
    'shipped_configs',
]
