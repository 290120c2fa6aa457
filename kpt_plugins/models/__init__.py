"""Models of kpt_plugins, registered in MMPose's ``MODELS``."""

from .backbones import *  # noqa: F403
from .data_preprocessors import *  # noqa: F403
from .heads import *  # noqa: F403
from .layers import *  # noqa: F403
from .losses import *  # noqa: F403
from .necks import *  # noqa: F403
from .pose_estimators import *  # noqa: F403
from .regularizers import *  # noqa: F403
from .task_modules import *  # noqa: F403
