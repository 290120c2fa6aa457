"""Keypoints from little annotation: methods and tools that plug into MMPose 1.x.

Importing this package registers every dataset, transform, model, hook, metric and inferencer in
MMPose's registries, so a config needs only ``custom_imports = dict(imports=['kpt_plugins'])``.
"""

from . import compat

# Before anything imports mmpose: it cannot be imported everywhere without these repairs.
compat.apply()

from . import (  # noqa: E402
    apis,
    codecs,
    datasets,
    engine,
    evaluation,
    models,
    structures,
    visualization,
)
from .version import __version__  # noqa: E402

__all__ = [
    '__version__',
    'apis',
    'codecs',
    'compat',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'structures',
    'visualization',
]
