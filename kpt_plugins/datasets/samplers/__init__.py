"""Samplers: in which order the ranks see a dataset."""

from .base_novel_pair_sampler import BaseNovelPairSampler

__all__ = ['BaseNovelPairSampler']
