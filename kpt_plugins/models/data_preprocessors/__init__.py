"""Data preprocessors."""

from .episode_preprocessor import EpisodeDataPreprocessor

__all__ = ['EpisodeDataPreprocessor']
