"""Datasets of kpt_plugins."""

from .mp100_dataset import MP100Dataset

__all__ = ['MP100Dataset']
