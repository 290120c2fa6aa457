"""Pose estimators: backbone, neck and head put together."""

from .few_shot_pose_estimator import FewShotPoseEstimator

__all__ = ['FewShotPoseEstimator']
