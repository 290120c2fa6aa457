"""Heads."""

from .fmmp_head import FMMPHead

__all__ = ['FMMPHead']
