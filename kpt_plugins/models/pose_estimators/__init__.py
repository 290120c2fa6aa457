"""Pose estimators: backbone, neck and head put together."""

from .few_shot_pose_estimator import FewShotPoseEstimator
from .incremental_pose_estimator import IncrementalPoseEstimator
from .weak_shot_pose_estimator import WeakShotPoseEstimator

__all__ = ['FewShotPoseEstimator', 'IncrementalPoseEstimator', 'WeakShotPoseEstimator']
