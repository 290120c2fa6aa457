"""Keypoints to training targets and back."""

from .prototype_cell import PrototypeCellCodec

__all__ = ['PrototypeCellCodec']
